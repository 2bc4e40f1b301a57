package wait_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

var (
	bg   = context.Background()
	errA = errors.New("a")
	errB = errors.New("b")
)

type (
	aws = []task.Awaitable
	fn  = func(ctx context.Context) (int, error)
)

// inBubble runs body in a scope, in virtual time, under a guard, and wants no
// error.
func inBubble(t *testing.T, body func(t *testing.T, ctx context.Context), opts ...scope.Option) {
	t.Helper()
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error { body(t, ctx); return nil }, opts...))
	})
}

// after returns v and err when d is over, or the cancellation.
func after(d time.Duration, v int, err error) fn {
	return func(ctx context.Context) (int, error) {
		if canceled := scope.Sleep(ctx, d); canceled != nil {
			return 0, canceled
		}
		return v, err
	}
}

// later calls f when d is over: whoever is there has begun by then.
func later(d time.Duration, f fn) fn {
	return func(ctx context.Context) (int, error) {
		_ = scope.Sleep(ctx, d)
		return f(ctx)
	}
}

// forever waits until it is cancelled.
var forever = after(1000*time.Hour, 0, nil)

// canceledIs takes err for a *scope.CanceledError of that kind.
func canceledIs(t *testing.T, kind scope.Kind, err error) *scope.CanceledError {
	t.Helper()
	e, ok := err.(*scope.CanceledError) //nolint:errorlint // it must be the value itself
	require.Truef(t, ok, "a *scope.CanceledError, not %T: %v", err, err)
	require.Equal(t, kind, e.Kind)
	return e
}

// failuresOf returns the errors in the *scope.Error that err must be.
func failuresOf(t *testing.T, err error) (errs []error) {
	t.Helper()
	e, ok := err.(*scope.Error) //nolint:errorlint // it must be the value itself
	require.Truef(t, ok, "a *scope.Error, not %T: %v", err, err)
	for _, f := range e.Failures {
		errs = append(errs, f.Err)
	}
	return errs
}

// plain is a ctx that is cancelled by its stop.
func plain() (ctx context.Context, stop func()) { return context.WithCancel(bg) }

func gone() context.Context {
	ctx, stop := plain()
	stop()
	return ctx
}

// same wants the very same things in the same order: what only looks the same
// will not do.
func same[A comparable](t *testing.T, want, got []A) {
	t.Helper()
	require.Truef(t, slices.Equal(want, got), "%d other things than these %d", len(got), len(want))
}
