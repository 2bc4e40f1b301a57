package guest_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/wait"
)

// A crowd is host tasks and goroutine tasks that do the same with one object.
type crowd struct {
	*testing.T
	h     *host
	outer *scope.Scope // of the goroutines
}

// A member is one of them: here checks that it runs where it should.
type member struct {
	n    int
	here func()
}

// touch is called where only host tasks are.
func (c *crowd) touch() { c.h.touch(c.T) }

// elsewhere is called where no host task is.
func (c *crowd) elsewhere() {
	if c.h.locked && gettid() == c.h.tid && c.h.tid != 0 {
		c.Error("a goroutine task is on the host's thread")
	}
}

// both runs fn in two host tasks and two goroutine tasks, and waits for all.
func (c *crowd) both(ctx context.Context, fn func(ctx context.Context, m member) error) error {
	return scope.Run(ctx, func(ctx context.Context) error {
		var others []*scope.Child
		for n := range 4 {
			m, opts := member{n, c.touch}, []scope.TaskOption(nil)
			if n%2 == 1 {
				m.here, opts = c.elsewhere, append(opts, scope.In(c.outer))
			}
			others = append(others, scope.Go(ctx, func(ctx context.Context) error {
				m.here()
				defer m.here()
				return fn(ctx, m)
			}, opts...))
		}
		for _, o := range others {
			if err := o.Wait(ctx); err != nil {
				return err
			}
			c.touch()
		}
		return nil
	})
}

// a pause in which others run.
func pause(ctx context.Context) error { return scope.Sleep(ctx, time.Second) }

// first returns the first error.
func first(errs ...error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}

// primitives use what package sync has, each way there is.
func (c *crowd) primitives() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"event": func(ctx context.Context) error {
			e := csync.NewEvent()
			scope.Go(ctx, func(ctx context.Context) error { defer e.Set(); return pause(ctx) })
			err := c.both(ctx, func(ctx context.Context, m member) error { defer m.here(); return e.Wait(ctx) })
			e.Clear()
			return err
		},
		"queue": c.queue(csync.NewQueue[int](1)), "unbounded queue": c.queue(csync.NewQueue[int](0)),
		"priority queue": c.queue(csync.NewPriorityQueue(2, func(a, b int) bool { return a < b })), "stack": c.queue(csync.NewStack[int](2)),
		"process": func(ctx context.Context) error {
			q, ended := csync.NewQueue[int](0), atomic.Int32{}
			for i := range 20 {
				if err := q.Put(ctx, i); err != nil {
					return err
				}
			}
			scope.Go(ctx, func(ctx context.Context) error { defer q.Close(); return q.Join(ctx) })
			err := c.both(ctx, func(ctx context.Context, m member) error {
				return q.Process(ctx, func(ctx context.Context, _ int) error {
					m.here()
					defer m.here()
					ended.Add(1)
					return pause(ctx)
				})
			})
			require.EqualValues(c, 20, ended.Load())
			return err
		},
		"lock": func(ctx context.Context) error {
			l := csync.NewLock()
			return c.both(ctx, func(ctx context.Context, m member) error {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				m.here()
				return first(pause(ctx), l.Release(ctx))
			})
		},
		"condition": func(ctx context.Context) error {
			lock := csync.NewLock()
			cond, open, in := csync.NewCondition(lock), false, 0
			scope.Go(ctx, func(ctx context.Context) error {
				for err := pause(ctx); ; err = pause(ctx) {
					if err = first(err, cond.Acquire(ctx)); err != nil {
						return err
					}
					if all := in == 4; all {
						open = true
						return first(cond.NotifyAll(ctx), cond.Release(ctx))
					}
					if err := first(cond.Notify(ctx, 1), cond.Release(ctx)); err != nil {
						return err
					}
				}
			})
			return c.both(ctx, func(ctx context.Context, m member) error {
				if err := cond.Acquire(ctx); err != nil {
					return err
				}
				in++
				err := first(cond.Wait(ctx), cond.WaitFor(ctx, func() bool { m.here(); return open }))
				m.here()
				return first(err, cond.Release(ctx))
			})
		},
		"semaphore": func(ctx context.Context) error {
			s := csync.NewSemaphore(1, csync.MaxValue(1))
			return c.both(ctx, func(ctx context.Context, m member) error {
				if err := s.Acquire(ctx); err != nil {
					return err
				}
				m.here()
				return first(pause(ctx), s.Release())
			})
		},
		"capacity limiter": func(ctx context.Context) error {
			l := csync.NewCapacityLimiter(1)
			scope.Go(ctx, func(ctx context.Context) error { return first(pause(ctx), l.SetTotal(2)) })
			return c.both(ctx, func(ctx context.Context, m member) error {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				m.here()
				if err := first(pause(ctx), l.Release(ctx), l.AcquireOnBehalfOf(ctx, m.n)); err != nil {
					return err
				}
				m.here()
				return first(pause(ctx), l.ReleaseOnBehalfOf(m.n))
			})
		},
		"barrier": func(ctx context.Context) error {
			b := csync.NewBarrier(4)
			return c.both(ctx, func(ctx context.Context, m member) error { defer m.here(); _, err := b.Wait(ctx); return err })
		},
		"resource lock": func(ctx context.Context) error {
			r := csync.NewResourceLock[string]()
			return c.both(ctx, func(ctx context.Context, m member) error {
				if err := r.Acquire(ctx, "a"); err != nil {
					return err
				}
				m.here()
				return first(pause(ctx), r.Release(ctx, "a"), r.Do(ctx, "b", func(ctx context.Context) error { m.here(); return pause(ctx) }))
			})
		},
		"resource guard": func(ctx context.Context) error {
			g, busy := csync.NewResourceGuard("use"), atomic.Int32{}
			err := c.both(ctx, func(ctx context.Context, m member) error {
				if err := g.Enter(); err != nil {
					require.ErrorIs(c, err, csync.ErrBusy)
					busy.Add(1)
					return nil
				}
				defer g.Exit()
				defer m.here()
				return pause(ctx)
			})
			require.EqualValues(c, 3, busy.Load())
			return err
		},
	}
}

// queue has all of them put, and all of them get.
func (c *crowd) queue(q *csync.Queue[int]) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		var got atomic.Int32
		scope.Go(ctx, func(ctx context.Context) error {
			defer q.Close()
			return c.both(ctx, func(ctx context.Context, m member) error {
				for i := range 10 {
					if err := q.Put(ctx, i); err != nil {
						return err
					}
					m.here()
				}
				return pause(ctx)
			})
		})
		err := c.both(ctx, func(ctx context.Context, m member) error {
			switch _, err := q.Get(ctx); {
			case errors.Is(err, csync.ErrQueueClosed): // the others were faster
				return nil
			case err != nil:
				return err
			}
			m.here()
			got.Add(1)
			for range q.All(ctx) {
				m.here()
				got.Add(1)
			}
			return nil
		})
		require.EqualValues(c, 40, got.Load())
		return err
	}
}

// after is a function that takes that long.
func (c *crowd) after(d time.Duration) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		c.touch()
		defer c.touch()
		return d, scope.Sleep(ctx, d)
	}
}

// waits use what package wait has, and what of scope and task is not elsewhere.
func (c *crowd) waits() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"any": func(ctx context.Context) error {
			v, err := wait.Any(ctx, func(ctx context.Context) (time.Duration, error) { c.touch(); return 0, errBoom }, c.after(2), c.after(3))
			require.EqualValues(c, 2, v)
			return err
		},
		"map": func(ctx context.Context) error {
			in := func(yield func(int) bool) {
				for i := range 5 {
					c.touch()
					if !yield(i) {
						return
					}
				}
			}
			out, err := wait.Map(ctx, in, 2, func(ctx context.Context, i int) (int, error) {
				defer c.touch()
				return i * i, pause(ctx)
			})
			require.Equal(c, []int{0, 1, 4, 9, 16}, out)
			return first(err, wait.ForEach(ctx, in, 2, func(ctx context.Context, _ int) error { defer c.touch(); return pause(ctx) }))
		},
		"shutdown": func(ctx context.Context) error {
			s := scope.New()
			return s.Run(ctx, func(ctx context.Context) error {
				polite := task.NewFuture[int](ctx)
				scope.Go(ctx, func(ctx context.Context) error {
					defer c.touch()
					defer func() { require.NoError(c, polite.SetResult(1)) }()
					_, _, err := wait.Wait(ctx, []task.Awaitable{stopping(ctx)})
					return err
				})
				scope.Go(ctx, func(ctx context.Context) error { defer c.touch(); return first(pause(ctx), forever(ctx)) })
				s.Shutdown(errWhy, time.Minute)
				_, err := polite.Wait(ctx)
				c.touch()
				return err
			})
		},
		"background, main, unshield": func(ctx context.Context) error {
			s := scope.New(scope.Shield(), scope.MovableDeadline(time.Now().Add(time.Hour)))
			return s.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error { defer c.touch(); return forever(ctx) }, scope.Background())
				scope.Go(ctx, func(ctx context.Context) error { defer c.touch(); return forever(ctx) })
				scope.Go(ctx, func(ctx context.Context) error {
					defer c.touch()
					return first(s.SetDeadline(time.Now().Add(time.Minute)), s.Unshield(), pause(ctx))
				}, scope.Main())
				return nil
			})
		},
		"blocking": func(ctx context.Context) error {
			for _, opts := range [][]scope.BlockingOption{nil, {scope.Abandon(c.elsewhere)}} {
				v, err := scope.Blocking(ctx, func() (int, error) { c.elsewhere(); <-time.After(time.Second); return 1, nil }, opts...)
				c.touch()
				if err != nil || v != 1 {
					return errors.Join(err, errWhy)
				}
			}
			return nil
		},
		"run on host": func(ctx context.Context) error {
			return c.both(ctx, func(ctx context.Context, m member) error {
				_, err := guest.RunOnHost(ctx, func() (int, error) { c.touch(); defer c.touch(); return 1, scope.Sleep(scopeless(ctx), time.Second) })
				m.here()
				return err
			})
		},
		"future callbacks": func(ctx context.Context) error {
			f, calls := task.NewFuture[int](ctx), 0
			for range 3 {
				f.AddDoneCallback(func(*task.Future[int]) { c.touch(); calls++ })
			}
			scope.Go(ctx, func(ctx context.Context) error { return first(pause(ctx), f.SetResult(1)) })
			err := c.both(ctx, func(ctx context.Context, m member) error { defer m.here(); _, err := f.Wait(ctx); return err })
			require.Equal(c, 3, calls)
			return err
		},
	}
}

// stopping is done when a graceful shutdown has begun.
func stopping(ctx context.Context) task.Awaitable { return stop{scope.Stopping(ctx)} }

type stop struct{ c <-chan struct{} }

func (s stop) Done() <-chan struct{} { return s.c }
func (s stop) Err() error            { return nil }

// scopeless is a ctx for what may be called on any thread.
func scopeless(context.Context) context.Context { return bg }
