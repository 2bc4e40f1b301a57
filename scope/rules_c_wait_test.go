package scope_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R31: Wait returns the task's own error, unwrapped.
func TestR31_WaitReturnsOwnError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkFailAt(time.Second, tkErrA))
			require.True(t, c.Wait(ctx) == tkErrA)
			require.True(t, c.Err() == tkErrA)
			require.Equal(t, scope.Failed, c.State())
			return nil
		})
	})
}

// R31: waiting for a failure does not consume it.
func TestR31_WaitConsumesNothing(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			_ = scope.Go(ctx, tkFail(tkErrA)).Wait(ctx)
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R31: a failure that nobody waits for fails the scope all the same.
func TestR31_UnwatchedFailure(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA))
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R31: waiters in the same scope, body and tasks, see the failure and not the
// cancellation that follows from it.
func TestR31_WaitersSeeTheFailure(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		gate := make(chan struct{})
		var mu sync.Mutex
		var seen []error
		err := scope.Run(tkBg, func(ctx context.Context) error {
			bad := scope.Go(ctx, func(context.Context) error { <-gate; return tkErrA })
			var ready sync.WaitGroup
			for range 4 {
				ready.Add(1)
				scope.Go(ctx, func(ctx context.Context) error {
					ready.Done()
					err := bad.Wait(ctx)
					mu.Lock()
					seen = append(seen, err)
					mu.Unlock()
					return nil
				})
			}
			ready.Wait()
			go close(gate)
			err := bad.Wait(ctx)
			mu.Lock()
			seen = append(seen, err)
			mu.Unlock()
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		for _, err := range seen {
			if err != tkErrA {
				// Only a wait that began after the cancellation may say so, and
				// by then the task was done: it returns the result (R53).
				t.Fatalf("a waiter saw %v", err)
			}
		}
	}
}

// R31: the scope is cancelled only after the failing task's Done has closed.
func TestR31_DoneBeforeCancellation(t *testing.T) {
	testkit.Guard(t)
	for range 500 {
		var bad *scope.Child
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			gate := make(chan struct{})
			bad = scope.Go(ctx, func(context.Context) error { <-gate; return tkErrA })
			done := bad.Done()
			scope.Go(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				if !tkClosed(done) || bad.Err() != tkErrA {
					t.Error("the cancellation was there before Done closed")
				}
				return nil
			})
			close(gate)
			return nil
		})
	}
}

// R31: a task whose own Timeout fired fails, with the CanceledError of kind
// deadline.
func TestR31_OwnTimeout(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var late, sibling *scope.Child
		start := time.Now()
		err := scope.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, tkForever)
			late = scope.Go(ctx, tkForever, scope.Timeout(time.Second), scope.Name("late"))
			return nil
		}, scope.Name("s"))
		require.Equal(t, time.Second, time.Since(start))
		e := tkScopeError(t, err)
		require.Len(t, e.Failures, 1)
		require.Equal(t, "s/late", e.Failures[0].Task)
		c := tkCanceled(t, e.Failures[0].Err)
		require.Equal(t, scope.KindDeadline, c.Kind)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, scope.Failed, late.State())
		require.Equal(t, scope.KindTaskFailed, tkCanceled(t, sibling.Err()).Kind)
	})
}

// R31: so with its own Deadline.
func TestR31_OwnDeadline(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(time.Second)
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				d, ok := ctx.Deadline()
				require.True(t, ok)
				require.True(t, d.Equal(at))
				<-ctx.Done()
				return ctx.Err()
			}, scope.Deadline(at))
			return nil
		})
		require.Equal(t, at, time.Now())
		got := tkFailures(t, err)
		require.Len(t, got, 1)
		require.Equal(t, scope.KindDeadline, tkCanceled(t, got[0]).Kind)
	})
}

// R31: a task's own timeout starts when its function begins, not when it is
// spawned.
func TestR31_OwnTimeoutStartsWithTheFunction(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(10*time.Second, nil))
			scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, 3*time.Second) }, scope.Timeout(5*time.Second))
			return nil
		}, scope.Limit(1)))
	})
}

// R31: a timeout that is over at once still lets the function begin, in a ctx
// that says so.
func TestR31_OwnTimeoutInThePast(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var first error
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				first = scope.Checkpoint(ctx)
				return first
			}, scope.Timeout(-time.Second))
			return nil
		})
		require.ErrorIs(t, first, context.DeadlineExceeded)
		require.Len(t, tkFailures(t, err), 1)
	})
}

// R31: a task with a timeout that ends because its scope is cancelled was
// cancelled, and has not failed.
func TestR31_TimeoutNotReached(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		var c *scope.Child
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, tkForever, scope.Timeout(time.Hour))
			synctest.Wait()
			s.Cancel(nil)
			return nil
		}))
		require.Equal(t, scope.Canceled, c.State())
		require.Equal(t, scope.KindExplicit, tkCanceled(t, c.Err()).Kind)
	})
}

// R31: an ordinary error after the own timeout is that error.
func TestR31_OtherErrorAfterOwnTimeout(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return tkErrA }, scope.Timeout(time.Second))
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R31: waiting for a task that was cancelled gives its cancellation, and a
// body that passes it on fails: it was not cancelled itself (R15).
func TestR31_WaitForCancelledTask(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkForever)
			synctest.Wait()
			c.Cancel(tkErrA)
			return c.Wait(ctx)
		})
		require.ErrorIs(t, tkFailures(t, err)[0], tkErrA)
	})
}

// R47: waiting for oneself returns an error at once, however the ctx was
// derived.
func TestR47_SelfWait(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				self := scope.TaskFrom(ctx)
				require.Error(t, self.Wait(ctx))
				type key struct{}
				require.Error(t, self.Wait(context.WithValue(ctx, key{}, 1)))
				sub, stop := context.WithCancel(ctx)
				defer stop()
				require.Error(t, self.Wait(sub))
				return nil
			})
			return nil
		}))
	})
}

// R47: a body of a scope inside the task waits for the task.
func TestR47_BodyInsideTaskWaits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				self := scope.TaskFrom(ctx)
				return scope.Run(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error {
						require.Error(t, self.Wait(ctx))
						return nil
					})
				})
			})
			return nil
		}))
	})
}

// R47: a descendant waits for the task that it runs inside of.
func TestR47_DescendantWaitsForAncestor(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var got error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				top := scope.TaskFrom(ctx)
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						return scope.Run(ctx, func(ctx context.Context) error {
							scope.Go(ctx, func(ctx context.Context) error { got = top.Wait(ctx); return nil })
							return nil
						})
					})
					return nil
				})
			})
			return nil
		}))
		require.Error(t, got)
		var c *scope.CanceledError
		require.NotErrorAs(t, got, &c)
	})
}

// R47 forbids no more than it must: a task that was spawned by another, into
// the same scope, may wait for its spawner.
func TestR47_SiblingMayWait(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var got error
		err := scope.Run(tkBg, func(ctx context.Context) error {
			s := scope.From(ctx)
			scope.Go(ctx, func(ctx context.Context) error {
				top := scope.TaskFrom(ctx)
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error { got = top.Wait(ctx); return nil }, scope.In(s))
					tkDeaf(ctx, time.Second)
					return tkErrA
				})
			})
			return nil
		})
		require.ErrorIs(t, err, tkErrA)
		require.ErrorIs(t, got, tkErrA)
		var c *scope.CanceledError
		require.NotErrorAs(t, got, &c)
	})
}

// R47: for the scope one runs in there is only Run to wait with, and it
// refuses.
func TestR47_RunInsideItself(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				require.ErrorIs(t, s.Run(ctx, tkNothing), scope.ErrInUse)
				return nil
			})
			return nil
		}))
	})
}
