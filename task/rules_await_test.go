package task_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// tkInBubble runs body in a scope of a bubble, under a guard, and wants no error.
func tkInBubble(t *testing.T, body func(t *testing.T, ctx context.Context), opts ...scope.Option) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error { body(t, ctx); return nil }, opts...))
	})
}

// R40: a task that is cancelled by Cancel takes the future along that it waits
// for.
func TestR40_CancelReachesTheFuture(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		c := task.Go(ctx, f.Wait)
		synctest.Wait()
		require.True(t, c.Cancel(tkErrA))
		require.True(t, f.Canceled())
		require.ErrorIs(t, f.Err(), tkErrA)
		_, err := c.Wait(ctx)
		require.ErrorIs(t, err, tkErrA)
		require.True(t, c.Canceled())
	})
}

// R40: a task of package scope does so, too.
func TestR40_Child(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		c := scope.Go(ctx, func(ctx context.Context) error { _, err := f.Wait(ctx); return err })
		synctest.Wait()
		require.True(t, c.Cancel(tkErrA))
		require.True(t, f.Canceled())
	})
}

// R40: also if the wait is in a scope inside the task.
func TestR40_WaitInInnerBody(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		c := scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error { _, err := f.Wait(ctx); return err })
		})
		synctest.Wait()
		c.Cancel(tkErrA)
		require.True(t, f.Canceled())
	})
}

// R40: others that wait for that future see that it is cancelled.
func TestR40_OthersSeeIt(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		c := task.Go(ctx, f.Wait)
		var got error
		other := scope.Go(ctx, func(ctx context.Context) error { _, got = f.Wait(ctx); return nil })
		synctest.Wait()
		c.Cancel(tkErrA)
		require.NoError(t, other.Wait(ctx))
		require.ErrorIs(t, tkCanceled(t, got), tkErrA)
	})
}

// R40: "in that moment": a future waited for before is left alone.
func TestR40_NotWaitingAnyMore(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		c := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, _ = scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error { _, err := f.Wait(ctx); return err })
			return tkForever(ctx)
		})
		time.Sleep(2 * time.Second)
		c.Cancel(nil)
		<-c.Done()
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40: nor is one touched that the task waits for later.
func TestR40_WaitsLater(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		c := task.Go(ctx, func(ctx context.Context) (int, error) { <-ctx.Done(); return f.Wait(ctx) })
		synctest.Wait()
		c.Cancel(nil)
		<-c.Done()
		require.True(t, c.Canceled())
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40: a timeout around the wait leaves the future alone, that of a scope as
// that of a plain context.
func TestR40_TimeoutAround(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		require.NoError(t, scope.Go(ctx, func(ctx context.Context) error {
			_, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error { _, err := f.Wait(ctx); return err })
			if err != nil {
				return err
			}
			plain, stop := context.WithTimeout(ctx, time.Second)
			defer stop()
			_, err = f.Wait(plain)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return nil
		}).Wait(ctx))
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40: so does the task's own timeout.
func TestR40_OwnTimeout(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[int](tkBg)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		require.Error(t, scope.Run(tkBg, func(ctx context.Context) error {
			task.Go(ctx, f.Wait, scope.Timeout(time.Second))
			return nil
		}))
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40: and the cancellation of the scope, or of one around it.
func TestR40_ScopeCancelled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[int](tkBg)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		outer, inner := scope.New(), scope.New()
		require.NoError(t, outer.Run(tkBg, func(ctx context.Context) error {
			if err := inner.Run(ctx, func(ctx context.Context) error {
				task.Go(ctx, f.Wait)
				synctest.Wait()
				inner.Cancel(nil)
				return nil
			}); err != nil {
				return err
			}
			task.Go(ctx, f.Wait)
			synctest.Wait()
			outer.Cancel(nil)
			return nil
		}))
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40: and a sibling's failure.
func TestR40_SiblingFails(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[int](tkBg)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		require.Error(t, scope.Run(tkBg, func(ctx context.Context) error {
			task.Go(ctx, f.Wait)
			synctest.Wait()
			scope.Go(ctx, func(context.Context) error { return tkErrA })
			return nil
		}))
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40: and the wait of a task inside the cancelled one, which ends by the
// cancellation of its scope.
func TestR40_TaskInside(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		f := task.NewFuture[int](ctx)
		defer f.Cancel(nil) // testkit.Main asks who is left pending
		c := scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error { task.Go(ctx, f.Wait); return nil })
		})
		synctest.Wait()
		c.Cancel(nil)
		<-c.Done()
		require.Equal(t, scope.Pending, f.State())
	})
}

// R40, R39: a task that is waited for is no future: it is left alone.
func TestR40_WaitingForTask(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		b := task.Go(ctx, func(ctx context.Context) (int, error) { return 5, scope.Sleep(ctx, time.Hour) })
		a := task.Go(ctx, b.Wait)
		synctest.Wait()
		require.True(t, a.Cancel(nil))
		<-a.Done()
		require.Equal(t, scope.Running, b.State())
		v, err := b.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 5, v)
	})
}

// R40: a future that is done in that moment keeps its value; whichever was
// first, the two agree.
func TestR40_SetAgainstCancel(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		f := task.NewFuture[int](tkBg)
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := task.Go(ctx, f.Wait)
			set := make(chan error, 1)
			go func() { set <- f.SetResult(8) }()
			c.Cancel(tkErrA)
			<-c.Done()
			if <-set == nil {
				v, err := f.Result()
				require.NoError(t, err)
				require.Equal(t, 8, v)
			} else {
				require.True(t, f.Canceled())
				require.True(t, c.Canceled())
			}
			return nil
		}))
	}
}
