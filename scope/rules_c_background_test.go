package scope_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R43: a Background task is cancelled, kind scope-done, when the body and all
// other tasks have ended, and not before; it is joined, and that is no failure.
func TestR43_CancelledAtTheEnd(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at time.Duration
		var c *scope.Child
		cleaned := false
		s := scope.New(scope.Name("s"))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, func(ctx context.Context) error {
				err := tkForever(ctx)
				at = time.Since(start)
				time.Sleep(time.Minute)
				cleaned = true
				return err
			}, scope.Background())
			scope.Go(ctx, tkFailAt(2*time.Second, nil))
			return scope.Sleep(ctx, time.Second)
		}))
		require.Equal(t, 2*time.Second, at)
		require.True(t, cleaned)
		require.Equal(t, scope.Canceled, c.State())
		e := tkCanceled(t, c.Err())
		require.Equal(t, scope.KindScopeDone, e.Kind)
		require.Equal(t, "s", e.Scope)
		require.False(t, s.CancelCaught())
		require.False(t, s.CancelCalled())
	})
}

// R43: also when the body is what ends last.
func TestR43_BodyEndsLast(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkForever, scope.Background())
			scope.Go(ctx, tkForever, scope.Background())
			scope.Go(ctx, tkNothing)
			err := scope.Sleep(ctx, time.Second)
			require.NoError(t, ctx.Err())
			return err
		}))
		require.Equal(t, time.Second, time.Since(start))
	})
}

// R43: an ordinary task that a Background one spawned keeps the scope open.
func TestR43_SpawnedByBackground(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at time.Duration
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				tkDeaf(ctx, time.Second)
				scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, 4*time.Second) })
				err := tkForever(ctx)
				at = time.Since(start)
				return err
			}, scope.Background())
			scope.Go(ctx, tkFailAt(2*time.Second, nil))
			return nil
		}))
		require.Equal(t, 5*time.Second, at)
	})
}

// R43: one that finished before keeps its result.
func TestR43_FinishedBefore(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, tkNothing, scope.Background())
			return scope.Sleep(ctx, time.Second)
		}))
		require.Equal(t, scope.Succeeded, c.State())
		require.NoError(t, c.Err())
	})
}

// R43: one that fails before fails the scope.
func TestR43_FailsBefore(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, tkErrA), scope.Background())
			return tkForever(ctx)
		})
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R43, R30: no error goes missing: one that fails in its clean-up has failed.
func TestR43_FailsInCleanUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return tkErrA }, scope.Background())
			synctest.Wait()
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R43, R38: a value beats that cancellation, too.
func TestR43_ValueBeatsTheEnd(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil }, scope.Background())
			synctest.Wait()
			return nil
		}))
		require.Equal(t, scope.Succeeded, c.State())
	})
}

// R43, R34: a panic in a Background task is raised, before the end and in its
// clean-up.
func TestR43_Panics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, tkBoom, scope.Background())
				return tkForever(ctx)
			})
		})
		tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return tkBoom(ctx) }, scope.Background())
				synctest.Wait()
				return nil
			})
		})
	})
}

// R43: what a Background task runs is cancelled with it.
func TestR43_InnerScope(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var inner *scope.Child
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error { inner = scope.Go(ctx, tkForever); return nil })
			}, scope.Background())
			synctest.Wait()
			return nil
		}))
		require.Equal(t, scope.KindScopeDone, tkCanceled(t, inner.Err()).Kind)
	})
}

// R44: the end of the Main task cancels the scope, kind scope-done, body and
// tasks alike, and Run returns nil.
func TestR44_EndsTheScope(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var c *scope.Child
		var body *scope.CanceledError
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, tkForever)
			scope.Go(ctx, tkFailAt(time.Second, nil), scope.Main(), scope.Name("main"))
			err := tkForever(ctx)
			body = scope.CauseOf(ctx)
			return err
		}, scope.Name("s")))
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, scope.KindScopeDone, tkCanceled(t, c.Err()).Kind)
		require.Same(t, body, c.Err())
		require.Equal(t, "s/main", body.Task)
		require.Equal(t, "s", body.Scope)
	})
}

// R44: the Main task's own failure is what Run returns.
func TestR44_MainFails(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkForever)
			scope.Go(ctx, tkFailAt(time.Second, tkErrA), scope.Main())
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R44: a Main task that was cancelled, or whose error was handled, has ended.
func TestR44_HoweverItEnds(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			main := scope.Go(ctx, tkForever, scope.Main())
			synctest.Wait()
			main.Cancel(nil)
			return tkForever(ctx)
		}))
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA), scope.Main(), scope.OnError(func(context.Context, error) bool { return true }))
			return tkForever(ctx)
		}))
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA), scope.Main())
			return tkForever(ctx)
		}, scope.Supervise(func(error) {})))
	})
}

// R44, R41: the scope is cancelled after Done of the Main task closed.
func TestR44_AfterDone(t *testing.T) {
	testkit.Guard(t)
	for range 200 {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			main := scope.Go(ctx, tkNothing, scope.Main())
			<-ctx.Done()
			require.True(t, tkClosed(main.Done()))
			return nil
		}))
	}
}

// R44: other failures are not hidden by it.
func TestR44_FailureInCleanUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { _ = tkForever(ctx); return tkErrA })
			synctest.Wait()
			scope.Go(ctx, tkNothing, scope.Main())
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}
