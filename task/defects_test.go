package task_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

// What the Python originals get wrong, one test each. Those of waiting for many
// are in package wait: TestNothingToWait, TestMap (a one-shot sequence),
// TestErrorOfPendingIsNotLost, TestTimeoutDoesNotKillTheTask.

// R39, R50: cancelling what is done changes nothing. (There: the result flips to
// cancelled.)
func TestCancelAfterCompletion(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Go(ctx, tkValue(6))
		_, err := x.Wait(ctx)
		require.NoError(t, err)
		f := new(task.Future[int])
		require.NoError(t, f.SetResult(6))
		require.False(t, x.Cancel(tkErrA))
		require.False(t, x.Cancel(tkErrA, scope.Raise()))
		require.False(t, f.Cancel(tkErrA))
		for _, read := range []func() (int, error){x.Result, f.Result} {
			v, err := read()
			require.NoError(t, err)
			require.Equal(t, 6, v)
		}
		require.Equal(t, []scope.State{scope.Succeeded, scope.Succeeded}, []scope.State{x.State(), f.State()})
	})
}

// R41: done means done. (There: done is true while the clean-up still runs.)
func TestNotDoneWhileCleaningUp(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		var clean atomic.Bool
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			defer clean.Store(true)
			defer time.Sleep(time.Minute)
			return tkForever(ctx)
		})
		synctest.Wait()
		require.True(t, x.Cancel(nil))
		require.False(t, x.Cancel(nil))
		time.Sleep(time.Second)
		require.Equal(t, scope.Canceling, x.State())
		require.False(t, x.IsDone() || x.Canceled() || tkClosed(x.Done()))
		<-x.Done()
		require.True(t, clean.Load())
		require.True(t, x.IsDone() && x.Canceled())
	})
}

// R56: the second wait_started, and one after the end. (There: it hangs.)
func TestSecondWaitStarted(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Start(ctx, tkServer)
		for range 3 {
			s, err := x.WaitStarted(ctx)
			require.NoError(t, err)
			require.Equal(t, "ready", s)
		}
		<-x.Done()
		_, err := x.WaitStarted(ctx)
		require.NoError(t, err)
	})
}

// R56: the start fails, and a handler takes care of the error. (There:
// wait_started hangs.)
func TestStartFailsUnderAHandler(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Start(ctx, func(ctx context.Context, _ func(string) error) (int, error) {
			return 0, tkErrA
		}, scope.OnError(func(context.Context, error) bool { return true }))
		_, err := x.WaitStarted(ctx)
		require.ErrorIs(t, err, tkErrA)
		_, err = x.Wait(ctx)
		require.NoError(t, err)
	})
}

// R52: the time of the first waiter is up, the task goes on for the second.
// (There: the task is cancelled with the first waiter.)
func TestFirstWaitersTimeout(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) { return 4, scope.Sleep(ctx, time.Minute) })
		timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error { _, err := x.Wait(ctx); return err })
		require.NoError(t, err)
		require.True(t, timedOut)
		require.Equal(t, scope.Running, x.State())
		v, err := x.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 4, v)
	})
}
