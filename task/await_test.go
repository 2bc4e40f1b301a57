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

// R40: a future that a task waits for is cancelled with the task, if that was
// cancelled by itself; a wait that ends through its own ctx leaves it alone.
func TestCancelReachesTheAwaitedFuture(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(context.Background(), func(ctx context.Context) error {
			f := task.NewFuture[int](ctx)
			await := func(ctx context.Context) (int, error) { return f.Wait(ctx) }
			late := task.Go(ctx, func(ctx context.Context) (int, error) {
				timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
					_, err := await(ctx)
					return err
				})
				require.True(t, timedOut)
				return 0, err
			})
			_, err := late.Wait(ctx)
			require.NoError(t, err)
			require.False(t, f.IsDone())

			one, other := task.Go(ctx, await), task.Go(ctx, func(ctx context.Context) (int, error) {
				_, _ = f.Wait(ctx)
				require.True(t, f.Canceled())
				return 0, scope.Sleep(ctx, 0)
			}, scope.OnError(func(context.Context, error) bool { return false }))
			_ = other
			synctest.Wait()
			require.True(t, one.Cancel(errBoom))
			_, err = one.Wait(ctx)
			require.ErrorIs(t, err, errBoom)
			require.True(t, f.Canceled())
			require.ErrorIs(t, f.Err(), errBoom)
			require.ErrorIs(t, f.SetResult(1), task.ErrInvalidState)

			// Behind a shield the cancellation does not reach the wait, nor the future.
			g := task.NewFuture[int](ctx)
			shielded := task.Go(ctx, func(ctx context.Context) (v int, err error) {
				return v, scope.Run(ctx, func(ctx context.Context) (err error) {
					v, err = g.Wait(ctx)
					return err
				}, scope.Shield())
			})
			synctest.Wait()
			require.True(t, shielded.Cancel(nil))
			synctest.Wait()
			require.False(t, g.IsDone())
			require.NoError(t, g.SetResult(1))
			return nil
		})
		require.NoError(t, err)
	})
}
