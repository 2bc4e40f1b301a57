package scope_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R32: a failure reaches onError once and touches nobody else.
func TestR32_FailureTouchesNobody(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		var sibling *scope.Child
		s := scope.New(scope.Supervise(func(err error) { seen = append(seen, err) }))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) })
			c := scope.Go(ctx, tkFailAt(time.Second, tkErrA))
			require.True(t, c.Wait(ctx) == tkErrA)
			require.NoError(t, ctx.Err())
			return scope.Sleep(ctx, time.Minute)
		}))
		require.Equal(t, []error{tkErrA}, seen)
		require.Equal(t, scope.Succeeded, sibling.State())
		require.False(t, s.CancelCalled())
		require.Nil(t, s.Cause())
	})
}

// R32: each failure is handed over, also the same value twice.
func TestR32_EachFailure(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen tkLog[error]
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(2*time.Second, tkErrB))
			scope.Go(ctx, tkFailAt(1*time.Second, tkErrA))
			scope.Go(ctx, tkFailAt(3*time.Second, tkErrA))
			return nil
		}, scope.Supervise(seen.add)))
		require.Equal(t, []error{tkErrA, tkErrB, tkErrA}, seen.get())
	})
}

// R32: Run fails through its body, which cancels the tasks.
func TestR32_BodyFails(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		var seen []error
		err := scope.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, tkForever)
			synctest.Wait()
			return tkErrA
		}, scope.Supervise(func(err error) { seen = append(seen, err) }))
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		require.Equal(t, scope.KindBodyFailed, tkCanceled(t, c.Err()).Kind)
		require.Empty(t, seen)
	})
}

// R32: a cancellation is no failure.
func TestR32_CancellationIsNoFailure(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkForever)
			synctest.Wait()
			c.Cancel(nil)
			<-c.Done()
			return nil
		}, scope.Supervise(func(err error) { seen = append(seen, err) })))
		require.Empty(t, seen)
	})
}

// R32, R34: a panic is handed over as a *PanicError and touches nobody else.
func TestR32_Panic(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		var sibling *scope.Child
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) })
			scope.Go(ctx, tkBoom)
			return nil
		}, scope.Supervise(func(err error) { seen = append(seen, err) })))
		require.Len(t, seen, 1)
		var p *scope.PanicError
		require.ErrorAs(t, seen[0], &p)
		require.Equal(t, "boom", p.Value)
		require.Equal(t, scope.Succeeded, sibling.State())
	})
}

// R32, R35: so is a Goexit.
func TestR32_Goexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkExit)
			return nil
		}, scope.Supervise(func(err error) { seen = append(seen, err) })))
		require.Equal(t, []error{scope.ErrGoexit}, seen)
	})
}

// R32, R34: a panic of the handler itself is not lost.
func TestR32_HandlerPanics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, tkFail(tkErrA))
				return nil
			}, scope.Supervise(func(error) { panic("handler") }))
		})
		require.Equal(t, "handler", p.Value)
	})
}

// R32: a nested scope decides for itself: its failure is the body's.
func TestR32_NestedScopeIsNotSupervised(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, tkFail(tkErrA))
				return nil
			})
		}, scope.Supervise(func(error) { t.Error("not a task of this scope") }))
		require.ErrorIs(t, err, tkErrA)
	})
}

// R33: a handled error is no failure: zero value, no error, nobody cancelled.
func TestR33_Handled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkFailAt(time.Second, tkErrA), scope.OnError(func(_ context.Context, err error) bool {
				seen = append(seen, err)
				return true
			}))
			require.NoError(t, c.Wait(ctx))
			require.NoError(t, c.Err())
			require.Equal(t, scope.Succeeded, c.State())
			require.NoError(t, ctx.Err())
			return nil
		}))
		require.Equal(t, []error{tkErrA}, seen)
	})
}

// R33: an error that the handler does not take fails the scope; it is called
// once.
func TestR33_NotHandled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkFail(tkErrA), scope.OnError(func(context.Context, error) bool { calls++; return false }))
			require.True(t, c.Wait(ctx) == tkErrA)
			require.Equal(t, scope.Failed, c.State())
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		require.Equal(t, 1, calls)
	})
}

// R33: not called for a success, nor for a cancellation of the task or of its
// scope.
func TestR33_NotCalled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		on := scope.OnError(func(_ context.Context, err error) bool { t.Errorf("called with %v", err); return false })
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkNothing, on)
			c := scope.Go(ctx, tkForever, on)
			scope.Go(ctx, tkForever, on)
			synctest.Wait()
			c.Cancel(nil)
			<-c.Done()
			s.Cancel(nil)
			scope.Go(ctx, tkFail(tkErrA), on) // not admitted
			return nil
		}))
	})
}

// R33, R41: called on the task's goroutine, before the task is done.
func TestR33_BeforeDone(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		called := false
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			var fn string
			scope.Go(ctx, func(context.Context) error { fn = tkGoroutine(); return tkErrA },
				scope.OnError(func(ctx context.Context, _ error) bool {
					called = true
					self := scope.TaskFrom(ctx)
					require.Equal(t, fn, tkGoroutine())
					require.NotNil(t, self)
					require.Equal(t, scope.Running, self.State())
					require.False(t, tkClosed(self.Done()))
					require.NoError(t, self.Err())
					require.NoError(t, ctx.Err())
					return false
				}))
			return nil
		})
		require.True(t, called)
	})
}

// R33: the scope waits for the handler, which may still spawn (R36).
func TestR33_HandlerMaySpawn(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ran := false
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA), scope.OnError(func(ctx context.Context, _ error) bool {
				time.Sleep(time.Minute)
				scope.Go(ctx, func(context.Context) error { ran = true; return nil })
				return true
			}))
			return nil
		}))
		require.True(t, ran)
	})
}

// R33: a panic is a failure, and may be handled.
func TestR33_Panic(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkBoom, scope.OnError(func(_ context.Context, err error) bool { seen = err; return true }))
			return c.Wait(ctx)
		}))
		var p *scope.PanicError
		require.ErrorAs(t, seen, &p)
		require.Equal(t, "boom", p.Value)
	})
}

// R33: a panic that is not handled is raised.
func TestR33_PanicNotHandled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, tkBoom, scope.OnError(func(context.Context, error) bool { calls++; return false }))
				return nil
			})
		})
		require.Equal(t, "boom", p.Value)
		require.Equal(t, 1, calls)
	})
}

// R33, R35: a Goexit is a failure, and may be handled.
func TestR33_Goexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkExit, scope.OnError(func(_ context.Context, err error) bool { seen = err; return true }))
			return c.Wait(ctx)
		}))
		require.Equal(t, scope.ErrGoexit, seen)
	})
}

// R33, R31: the task's own timeout is a failure, and may be handled.
func TestR33_OwnTimeout(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkForever, scope.Timeout(time.Second), scope.OnError(func(_ context.Context, err error) bool { seen = err; return true }))
			return nil
		}))
		require.Equal(t, scope.KindDeadline, tkCanceled(t, seen).Kind)
	})
}

// R33, R34: a handler that panics loses neither its panic nor the error.
func TestR33_HandlerPanics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, tkFail(tkErrA), scope.OnError(func(context.Context, error) bool { panic("handler") }))
				return nil
			})
		})
		require.Equal(t, "handler", p.Value)
		require.ErrorIs(t, p, tkErrA)
	})
}

// R33, R32: the handler comes first; what it takes, the supervisor does not
// see.
func TestR33_BeforeSupervise(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen []error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA), scope.OnError(func(context.Context, error) bool { return true }))
			scope.Go(ctx, tkFail(tkErrB), scope.OnError(func(context.Context, error) bool { return false }))
			return nil
		}, scope.Supervise(func(err error) { seen = append(seen, err) })))
		require.Equal(t, []error{tkErrB}, seen)
	})
}

// R33: a failure in a cancelled scope is a failure, and handled like one.
func TestR33_InCancelledScope(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var seen error
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { return errors.Join(tkForever(ctx), tkErrA) },
				scope.OnError(func(_ context.Context, err error) bool { seen = err; return true }))
			synctest.Wait()
			s.Cancel(nil)
			return nil
		}))
		require.ErrorIs(t, seen, tkErrA)
		require.NotErrorIs(t, seen, context.Canceled)
	})
}
