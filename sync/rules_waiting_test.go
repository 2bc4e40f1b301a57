package sync_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

var errStop = errors.New("stop")

func nothing() {}

// waiting returns what a task shows in the live tree, or nil.
func waiting(ctx context.Context, c *scope.Child) *scope.Wait {
	for _, t := range scope.From(ctx).Snapshot().Tasks {
		if t.ID == c.ID() {
			return t.WaitingOn
		}
	}
	return nil
}

// R1, R2: in a ctx that is cancelled already, a call fails although it could
// succeed at once, and nothing has happened: the next one succeeds.
func TestCancelledBefore(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s subject) {
		canceled, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		if s.stays {
			s.serve() // it could succeed
		}
		for range 100 { // the choice is not left to a select
			require.ErrorIs(t, s.wait(canceled, func() { t.Error("it has happened") }), errStop)
		}
		inner := scope.New()
		inner.Cancel(errStop)
		_ = inner.Run(ctx, func(ctx context.Context) error {
			err := s.wait(ctx, func() { t.Error("it has happened") })
			require.ErrorIs(t, err, errStop)
			require.Same(t, scope.CauseOf(ctx), err)
			return err
		})
		next := scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, nothing) })
		synctest.Wait()
		switch {
		case s.serve == nil:
			require.Equal(t, 1, waiting(ctx, next).Waiters)
			next.Cancel(errStop)
		case !s.stays:
			s.serve()
			fallthrough
		default:
			require.NoError(t, next.Wait(ctx))
		}
	})
}

// R2, R13: a deadline counts from its instant on, whether or not its timer has
// run: a call that begins then fails, and nothing has happened.
func TestCancelledByTheClock(t *testing.T) {
	deadlines := map[string]func() scope.Option{
		"fixed":   func() scope.Option { return scope.Timeout(time.Second) },
		"movable": func() scope.Option { return scope.MovableDeadline(time.Now().Add(time.Second)) },
	}
	for name, deadline := range deadlines {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, ctx context.Context, s subject) {
				if s.stays {
					s.serve() // it could succeed
				}
				for range 20 {
					err := scope.Run(ctx, func(ctx context.Context) error {
						time.Sleep(time.Second)
						return s.wait(ctx, func() { t.Error("it has happened") })
					}, deadline())
					require.ErrorIs(t, err, context.DeadlineExceeded)
				}
			})
		})
	}
}

// R5: a waiter that is cancelled, by whatever reaches it, returns the cause, got
// nothing, and leaves nothing behind: what is handed over goes to the next.
func TestCancelledWhileWaiting(t *testing.T) {
	for how, start := range map[string]func(ctx context.Context, wait func(context.Context) error) (stop func(), child *scope.Child){
		"task": func(ctx context.Context, wait func(context.Context) error) (func(), *scope.Child) {
			c := scope.Go(ctx, wait)
			return func() { c.Cancel(errStop) }, c
		},
		"scope": func(ctx context.Context, wait func(context.Context) error) (func(), *scope.Child) {
			inner := scope.New()
			return func() { inner.Cancel(errStop) }, scope.Go(ctx, func(ctx context.Context) error {
				var err error
				_ = inner.Run(ctx, func(ctx context.Context) error { err = wait(ctx); return err })
				return err
			}, scope.OnError(func(context.Context, error) bool { return true }))
		},
		"derived": func(ctx context.Context, wait func(context.Context) error) (func(), *scope.Child) {
			derived, cancel := context.WithCancelCause(context.Background())
			return func() { cancel(errStop) }, scope.Go(ctx, func(context.Context) error { return wait(derived) },
				scope.OnError(func(context.Context, error) bool { return true }))
		},
	} {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, ctx context.Context, s subject) {
				var err error
				stop, child := start(ctx, func(ctx context.Context) error {
					err = s.wait(ctx, func() { t.Error("it got something") })
					return err
				})
				synctest.Wait()
				require.Equal(t, scope.Running, child.State())
				next := scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, nothing) })
				synctest.Wait()
				stop()
				_ = child.Wait(ctx)
				require.ErrorIs(t, err, errStop)
				require.Equal(t, 1, waiting(ctx, next).Waiters)
				if s.serve == nil {
					next.Cancel(errStop)
					return
				}
				s.serve()
				require.NoError(t, next.Wait(ctx))
			})
		})
	}
}

// R3: cancelled in the very instant in which it is served, a waiter has got it,
// or else the next one has: exactly one of them.
func TestCancelledAtHandOver(t *testing.T) {
	for _, servedFirst := range []bool{false, true} {
		each(t, func(t *testing.T, ctx context.Context, s subject) {
			if s.serve == nil {
				return
			}
			var first, second atomic.Int64
			a := scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, func() { first.Add(1) }) })
			synctest.Wait()
			b := scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, func() { second.Add(1) }) })
			synctest.Wait()
			if servedFirst {
				s.serve()
				a.Cancel(errStop)
			} else {
				a.Cancel(errStop)
				s.serve()
			}
			synctest.Wait()
			if a.Err() == nil {
				require.EqualValues(t, 1, first.Load())
			} else {
				require.ErrorIs(t, a.Err(), errStop)
				require.Zero(t, first.Load())
				require.EqualValues(t, 1, second.Load())
			}
			b.Cancel(errStop)
		})
	}
}

// The same without a bubble: a real race, for the race detector.
func TestCancelledAtHandOverRace(t *testing.T) {
	testkit.Guard(t)
	const rounds = 300
	for name, prepare := range subjects {
		t.Run(name, func(t *testing.T) {
			for range rounds {
				require.NoError(t, scope.Run(background, func(ctx context.Context) error {
					s := prepare(ctx)
					if !s.stays { // serve is for who waits already
						return nil
					}
					var got atomic.Int64
					a := scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, func() { got.Add(1) }) })
					scope.Go(ctx, func(context.Context) error { s.serve(); return nil })
					a.Cancel(errStop)
					if a.Wait(ctx) == nil {
						require.EqualValues(t, 1, got.Load())
						return nil
					}
					// then it is there, or on its way
					require.Zero(t, got.Load())
					return s.wait(background, nothing)
				}))
			}
		})
	}
}

// R4: first come, first served, who has been cancelled aside.
func TestFairness(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s subject) {
		if s.all || s.serve == nil {
			return
		}
		var order []int
		var tasks [6]*scope.Child
		for i := range tasks {
			tasks[i] = scope.Go(ctx, func(ctx context.Context) error {
				return s.wait(ctx, func() { order = append(order, i) })
			})
			synctest.Wait()
		}
		tasks[0].Cancel(errStop)
		tasks[3].Cancel(errStop)
		for range tasks {
			s.serve()
			synctest.Wait()
		}
		require.Equal(t, []int{1, 2, 4, 5}, order)
	})
}

// R4: what was handed to a waiter that has not run yet is not there for a Try,
// and not for one that comes then.
func TestNoBarging(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or the waiter may have run, and let go, before the Try
	each(t, func(t *testing.T, ctx context.Context, s subject) {
		if s.try == nil {
			return
		}
		var order []string
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			return s.wait(ctx, func() { order = append(order, "waiter") })
		})
		synctest.Wait()
		require.ErrorIs(t, s.try(ctx), wouldBlock(s))
		s.serve()
		require.ErrorIs(t, s.try(ctx), csync.ErrWouldBlock)
		late := scope.Go(ctx, func(ctx context.Context) error {
			return s.wait(ctx, func() { order = append(order, "late") })
		})
		synctest.Wait()
		s.serve()
		require.NoError(t, waiter.Wait(ctx))
		require.NoError(t, late.Wait(ctx))
		require.Equal(t, []string{"waiter", "late"}, order)
	})
}

// wouldBlock is what a Try of the body returns while that makes the others wait.
func wouldBlock(s subject) error {
	if s.kind == "lock.acquire" || s.kind == "limiter.acquire" {
		return csync.ErrAlreadyOwner
	}
	return csync.ErrWouldBlock
}

// R79: whoever waits shows in the live tree for what, and how many do.
func TestInTheTree(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s subject) {
		var tasks [3]*scope.Child
		for i := range tasks {
			tasks[i] = scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, nothing) })
		}
		synctest.Wait()
		for _, task := range tasks {
			w := waiting(ctx, task)
			require.NotNil(t, w)
			require.Equal(t, s.kind, w.Kind)
			require.Equal(t, subjectName, w.Name)
			require.Equal(t, 3, w.Waiters)
			switch s.kind {
			case "lock.acquire", "resource.acquire", "limiter.acquire":
				require.Equal(t, []string{"test"}, w.Holders)
			default:
				require.Empty(t, w.Holders)
			}
		}
		for _, task := range tasks {
			task.Cancel(errStop)
		}
		synctest.Wait()
		for _, task := range tasks {
			require.Nil(t, waiting(ctx, task))
		}
	})
}

// R90: a nil ctx is refused by name, and nothing has happened.
func TestNilContext(t *testing.T) {
	testkit.Guard(t)
	e, q, l, s := csync.NewEvent(), csync.NewQueue[int](1), csync.NewLock(), csync.NewSemaphore(1)
	c, lim, b, r := csync.NewCondition(l), csync.NewCapacityLimiter(1), csync.NewBarrier(1), csync.NewResourceLock[int]()
	for name, call := range map[string]func(ctx context.Context){
		"Event.Wait":                           func(ctx context.Context) { _ = e.Wait(ctx) },
		"Queue.Put":                            func(ctx context.Context) { _ = q.Put(ctx, 1) },
		"Queue.TryPut":                         func(ctx context.Context) { _ = q.TryPut(ctx, 1) },
		"Queue.Get":                            func(ctx context.Context) { _, _ = q.Get(ctx) },
		"Queue.TryGet":                         func(ctx context.Context) { _, _ = q.TryGet(ctx) },
		"Queue.All":                            func(ctx context.Context) { q.All(ctx) },
		"Queue.Process":                        func(ctx context.Context) { _ = q.Process(ctx, nil) },
		"Queue.Join":                           func(ctx context.Context) { _ = q.Join(ctx) },
		"Lock.Acquire":                         func(ctx context.Context) { _ = l.Acquire(ctx) },
		"Lock.TryAcquire":                      func(ctx context.Context) { _ = l.TryAcquire(ctx) },
		"Lock.Release":                         func(ctx context.Context) { _ = l.Release(ctx) },
		"Condition.Wait":                       func(ctx context.Context) { _ = c.Wait(ctx) },
		"Condition.WaitFor":                    func(ctx context.Context) { _ = c.WaitFor(ctx, nil) },
		"Condition.Notify":                     func(ctx context.Context) { _ = c.Notify(ctx, 1) },
		"Condition.NotifyAll":                  func(ctx context.Context) { _ = c.NotifyAll(ctx) },
		"Semaphore.Acquire":                    func(ctx context.Context) { _ = s.Acquire(ctx) },
		"Semaphore.TryAcquire":                 func(ctx context.Context) { _ = s.TryAcquire(ctx) },
		"CapacityLimiter.Acquire":              func(ctx context.Context) { _ = lim.Acquire(ctx) },
		"CapacityLimiter.TryAcquire":           func(ctx context.Context) { _ = lim.TryAcquire(ctx) },
		"CapacityLimiter.AcquireOnBehalfOf":    func(ctx context.Context) { _ = lim.AcquireOnBehalfOf(ctx, 1) },
		"CapacityLimiter.TryAcquireOnBehalfOf": func(ctx context.Context) { _ = lim.TryAcquireOnBehalfOf(ctx, 1) },
		"CapacityLimiter.Release":              func(ctx context.Context) { _ = lim.Release(ctx) },
		"Barrier.Wait":                         func(ctx context.Context) { _, _ = b.Wait(ctx) },
		"ResourceLock.Acquire":                 func(ctx context.Context) { _ = r.Acquire(ctx, 1) },
		"ResourceLock.Release":                 func(ctx context.Context) { _ = r.Release(ctx, 1) },
		"ResourceLock.Do":                      func(ctx context.Context) { _ = r.Do(ctx, 1, nil) },
	} {
		require.PanicsWithValue(t, "sync: "+name+" with a nil ctx: pass the ctx of the scope or task that calls", func() { call(nil) })
	}
	require.True(t, q.Empty() && !l.Locked() && s.Value() == 1 && lim.Borrowed() == 0 && r.Len() == 0)
}

// R5: nothing is left after 100,000 waiters that were cancelled: most of them
// one after the other, the last 1,000 at once.
func TestNothingLeft(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	const waiters, atOnce = 100_000, 1000
	for name, prepare := range subjects {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, scope.Run(background, func(ctx context.Context) error {
				s := prepare(ctx)
				one := func() {
					late := &lateContext{Context: background, left: 1}
					if s.kind == "condition.wait" {
						late.left++ // for the lock
					}
					if s.wait(late, nothing) == nil || late.left > 0 {
						t.Fatal("it did not wait, or was not cancelled")
					}
				}
				one()
				before := heap()
				for range waiters - atOnce {
					one()
				}
				inner := scope.New()
				_ = inner.Run(ctx, func(ctx context.Context) error {
					for range atOnce {
						scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, nothing) })
					}
					runtime.Gosched()
					inner.Cancel(errStop)
					return nil
				})
				require.Less(t, heap()-before, int64(1<<20))
				if !s.stays {
					return nil
				}
				s.serve() // nobody is in line: it is there for the next
				return s.wait(ctx, nothing)
			}))
		})
	}
}

// lateContext is cancelled, but says so only when it was asked a few times: so
// it is cancelled while the caller waits.
type lateContext struct {
	context.Context
	left int
}

func (c *lateContext) Err() error {
	if c.left > 0 {
		c.left--
		return nil
	}
	return context.Canceled
}

func (c *lateContext) Done() <-chan struct{} { return nil }

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
