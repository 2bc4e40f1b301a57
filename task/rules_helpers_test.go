package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

var (
	tkBg   = context.Background()
	tkErrA = errors.New("tk: a")
	tkErrB = errors.New("tk: b")
)

var (
	_ task.Awaitable = (*task.Future[int])(nil)
	_ task.Awaitable = (*task.Task[int])(nil)
	_ task.Awaitable = (*scope.Child)(nil)
	_ task.Awaitable = context.Context(nil)
)

// tkForever waits until ctx is cancelled.
func tkForever(ctx context.Context) (int, error) { return 0, scope.Sleep(ctx, 1000*time.Hour) }

// tkValue returns v at once.
func tkValue(v int) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return v, nil }
}

// tkCanceled takes err for a *scope.CanceledError.
func tkCanceled(t *testing.T, err error) *scope.CanceledError {
	t.Helper()
	require.Error(t, err)
	e, ok := err.(*scope.CanceledError)
	require.Truef(t, ok, "a *scope.CanceledError, not %T: %v", err, err)
	return e
}

// tkInvalid takes err for an *InvalidStateError about that state.
func tkInvalid(t *testing.T, err error, state scope.State) {
	t.Helper()
	var e *task.InvalidStateError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, task.ErrInvalidState)
	require.Equal(t, state, e.State)
	require.NotEmpty(t, e.Op)
}

// tkClosed reports whether c is closed now.
func tkClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// tkCanceledCtx is a plain ctx that is cancelled.
func tkCanceledCtx() context.Context {
	ctx, stop := context.WithCancel(tkBg)
	stop()
	return ctx
}
