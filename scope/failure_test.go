package scope_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R30: the first failure cancels the scope, everything is joined, and all
// failures are returned in the order of completion; those that end because of
// the cancellation are none.
func TestFailFast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		s := scope.New(scope.Name("s"))
		err := s.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, forever, scope.Name("canceled"))
			scope.Go(ctx, func(ctx context.Context) error {
				_ = forever(ctx)
				time.Sleep(time.Second)
				return errWhy
			}, scope.Name("late"))
			scope.Go(ctx, func(ctx context.Context) error { _ = scope.Sleep(ctx, time.Second); return errBoom }, scope.Name("first"))
			return forever(ctx)
		})
		require.Equal(t, []scope.Failure{{Task: "s/first", Err: errBoom}, {Task: "s/late", Err: errWhy}}, failuresOf(t, err))
		require.Equal(t, 2*time.Second, time.Since(start))
		require.Equal(t, scope.KindTaskFailed, causeIn(t, s.Cause()).Kind)
		require.Equal(t, "s/first", causeIn(t, s.Cause()).Task)
		require.Equal(t, errBoom, causeIn(t, s.Cause()).Reason)
		require.EqualError(t, err, "scope s: 2 failures\n\ttask s/first: boom\n\ttask s/late: why")

		s = scope.New(scope.Name("s"))
		err = s.Run(bg, func(ctx context.Context) error { scope.Go(ctx, forever); return errBoom })
		require.Equal(t, []scope.Failure{{Err: errBoom}}, failuresOf(t, err))
		require.Equal(t, scope.KindBodyFailed, causeIn(t, s.Cause()).Kind)
		require.EqualError(t, err, "scope s: boom")
	})
}

// R30: one error value is listed once, however many hands it went through.
func TestFailureOnce(t *testing.T) {
	testkit.Guard(t)
	err := scope.Run(bg, func(ctx context.Context) error {
		c := scope.Go(ctx, func(context.Context) error { return errBoom })
		return errors.Join(c.Wait(ctx), errWhy)
	})
	failures := failuresOf(t, err)
	require.Len(t, failures, 2)
	require.Equal(t, errBoom, failures[0].Err)
	require.Equal(t, errWhy, failures[1].Err)

	many := make([]error, 100)
	for i := range many {
		many[i] = fmt.Errorf("%d", i)
	}
	err = scope.Run(bg, func(ctx context.Context) error {
		for range 2 {
			for _, e := range many {
				scope.Go(ctx, func(context.Context) error { return e })
			}
			scope.Go(ctx, func(context.Context) error { return uncomparable{[]int{1}} })
		}
		return nil
	}, scope.Supervise(nil))
	require.NoError(t, err)
	hold := make(chan struct{})
	err = scope.Run(bg, func(ctx context.Context) error {
		for range 2 {
			for _, e := range many {
				scope.Go(ctx, func(context.Context) error { <-hold; return e })
			}
		}
		waitBegun(ctx, 2*len(many))
		close(hold)
		return nil
	})
	require.Len(t, failuresOf(t, err), len(many))
}

// waitBegun waits until n tasks of the scope of ctx have begun.
func waitBegun(ctx context.Context, n int) {
	for {
		begun := 0
		for _, c := range scope.From(ctx).Snapshot().Tasks {
			if c.State == scope.Running {
				begun++
			}
		}
		if begun == n {
			return
		}
		runtime.Gosched()
	}
}

type uncomparable struct{ s []int }

func (uncomparable) Error() string { return "uncomparable" }

// R31: Wait returns the task's own error, and waiting consumes nothing; who
// waits in the same scope sees the failure, not the cancellation.
func TestWaiterSeesTheFailure(t *testing.T) {
	testkit.Guard(t)
	for range 200 {
		err := scope.Run(bg, func(ctx context.Context) error {
			bad := scope.Go(ctx, func(context.Context) error { return errBoom })
			for range 4 {
				scope.Go(ctx, func(ctx context.Context) error {
					if err := bad.Wait(ctx); err != errBoom { //nolint:errorlint // unwrapped, says the rule
						return fmt.Errorf("waiter saw %w", err)
					}
					return nil
				})
			}
			waiting := bad.Wait(ctx)
			require.Equal(t, errBoom, waiting)
			return nil
		})
		require.Len(t, failuresOf(t, err), 1)
	}
}

// R31: a task whose own deadline fired fails with that.
func TestTaskDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, opt := range []scope.TaskOption{scope.Timeout(time.Second), scope.Deadline(time.Now().Add(time.Second))} {
			var c *scope.Child
			s := scope.New(scope.Name("s"))
			err := s.Run(bg, func(ctx context.Context) error {
				c = scope.Go(ctx, func(ctx context.Context) error {
					_, ok := ctx.Deadline()
					require.True(t, ok)
					return scope.Run(ctx, forever)
				}, opt, scope.Name("slow"))
				return forever(ctx)
			})
			failure := failuresOf(t, err)[0]
			require.Equal(t, "s/slow", failure.Task)
			require.Equal(t, scope.KindDeadline, causeIn(t, failure.Err).Kind)
			require.Equal(t, scope.Failed, c.State())
			require.Same(t, failure.Err, c.Err())
		}
		// One that ends in time leaves no timer, and the scope alone.
		start := time.Now()
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			return scope.Go(ctx, sleep(time.Second), scope.Timeout(time.Hour)).Wait(ctx)
		}))
		require.Equal(t, time.Second, time.Since(start))
	})
}

// R32: supervised, a failure reaches onError and touches nobody else.
func TestSupervise(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var seen []error
		err := scope.Run(bg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(context.Context) error { return errBoom })
			require.Equal(t, errBoom, c.Wait(ctx))
			synctest.Wait()
			scope.Go(ctx, func(context.Context) error { panic("x") })
			synctest.Wait()
			return scope.Sleep(ctx, time.Second)
		}, scope.Supervise(func(err error) { seen = append(seen, err) }))
		require.NoError(t, err)
		require.Len(t, seen, 2)
		require.Equal(t, errBoom, seen[0])
		var p *scope.PanicError
		require.ErrorAs(t, seen[1], &p)

		err = scope.Run(bg, func(context.Context) error { return errBoom }, scope.Supervise(nil))
		require.ErrorIs(t, err, errBoom)
		require.Panics(t, func() {
			_ = scope.Run(bg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { panic("nobody else would hear of it") })
				return nil
			}, scope.Supervise(nil))
		})
	})
}

// R33: OnError is called once, with the failure only, before the task is done.
func TestOnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, handled := range []bool{true, false} {
			calls := 0
			var c *scope.Child
			err := scope.Run(bg, func(ctx context.Context) error {
				set := make(chan struct{})
				c = scope.Go(ctx, func(ctx context.Context) error { <-set; return errBoom }, scope.OnError(func(ctx context.Context, err error) bool {
					calls++
					require.Equal(t, errBoom, err)
					require.Equal(t, scope.Running, c.State())
					require.Same(t, c, scope.TaskFrom(ctx))
					return handled
				}))
				close(set)
				return nil
			})
			require.Equal(t, 1, calls)
			if handled {
				require.NoError(t, err)
				require.NoError(t, c.Err())
				require.Equal(t, scope.Succeeded, c.State())
			} else {
				require.ErrorIs(t, err, errBoom)
				require.Equal(t, errBoom, c.Err())
			}
		}
		err := scope.Run(bg, func(ctx context.Context) error {
			c := scope.Go(ctx, forever, scope.OnError(func(context.Context, error) bool { t.Error("called for a cancellation"); return true }))
			synctest.Wait()
			c.Cancel(nil)
			return nil
		})
		require.NoError(t, err)
		require.Panics(t, func() {
			_ = scope.Run(bg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { return errBoom }, scope.OnError(func(context.Context, error) bool { panic("handler") }))
				return nil
			})
		})
	})
}

// R34: a panic cancels the scope at once, and is raised again by Run, after
// everything was joined, with its stack and with no failure lost.
func TestPanic(t *testing.T) {
	for name, inBody := range map[string]bool{"task": false, "body": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ended := false
				defer func() {
					p, ok := recover().(*scope.PanicError)
					require.True(t, ok)
					require.True(t, ended)
					require.Equal(t, errBoom, p.Value)
					require.ErrorIs(t, p, errBoom)
					require.ErrorIs(t, p, errWhy)
					require.Contains(t, string(p.Stack), "siteOfThePanic")
					require.Contains(t, p.Error(), "siteOfThePanic")
					if inBody {
						require.Empty(t, p.Task)
					} else {
						require.Equal(t, "s/p", p.Task)
					}
				}()
				_ = scope.Run(bg, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						_ = forever(ctx)
						time.Sleep(time.Second)
						ended = true
						return errWhy
					})
					synctest.Wait()
					if inBody {
						siteOfThePanic(errBoom)
					}
					scope.Go(ctx, func(context.Context) error { siteOfThePanic(errBoom); return nil }, scope.Name("p"))
					return forever(ctx)
				}, scope.Name("s"))
			})
		})
	}
}

func siteOfThePanic(v any) { panic(v) }

// R34: PanicsAsErrors; nested scopes keep the first site.
func TestPanicsAsErrors(t *testing.T) {
	testkit.Guard(t)
	err := scope.Run(bg, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { siteOfThePanic("deep"); return nil }, scope.Name("inner"))
				return nil
			}, scope.Name("b"))
		}, scope.Name("outer"))
		return nil
	}, scope.PanicsAsErrors(), scope.Name("a"))
	var p *scope.PanicError
	require.ErrorAs(t, err, &p)
	require.Equal(t, "deep", p.Value)
	require.Equal(t, "a/outer/b/inner", p.Task)
	require.Contains(t, string(p.Stack), "siteOfThePanic")
}

// R35: Goexit in a task is a failure; in the body everything is joined and the
// goroutine goes on ending.
func TestGoexit(t *testing.T) {
	testkit.Guard(t)
	err := scope.Run(bg, func(ctx context.Context) error {
		c := scope.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil })
		require.Equal(t, scope.ErrGoexit, c.Wait(ctx))
		require.Equal(t, scope.Failed, c.State())
		return nil
	})
	require.ErrorIs(t, err, scope.ErrGoexit)

	var ended atomic.Bool
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_ = scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := forever(ctx)
				ended.Store(true)
				return err
			})
			waitBegun(ctx, 1)
			runtime.Goexit()
			return nil
		})
		returned = true
	}()
	<-done
	require.True(t, ended.Load())
	require.False(t, returned)
}
