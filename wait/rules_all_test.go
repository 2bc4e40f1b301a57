package wait_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// R65: the results are in input order, whatever the order of completion.
func TestAll(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		begin := time.Now()
		vs, err := wait.All(ctx, after(3*time.Second, 1, nil), after(time.Second, 2, nil), after(2*time.Second, 3, nil))
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3}, vs)
		require.Equal(t, 3*time.Second, time.Since(begin), "at once, not one after the other")
	})
	vs, err := wait.All[int](bg)
	require.NoError(t, err)
	require.Equal(t, []int{}, vs)
	vs, err = wait.All(bg, after(0, 1, nil)) // without a scope around it
	require.NoError(t, err)
	require.Equal(t, []int{1}, vs)
}

// R65: the first error cancels the rest, which are joined; all failures are
// there, and no results.
func TestAllFails(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var cleaned atomic.Bool
		vs, err := wait.All(ctx,
			after(0, 1, nil),
			func(ctx context.Context) (int, error) {
				_, err := forever(ctx)
				time.Sleep(time.Second) // clean-up
				canceledIs(t, scope.KindTaskFailed, err)
				cleaned.Store(true)
				return 0, errB
			},
			after(time.Second, 0, errA))
		require.Nil(t, vs)
		require.Equal(t, []error{errA, errB}, failuresOf(t, err))
		require.True(t, cleaned.Load())
	})
}

// R65, R34, R35: a panic is raised when all have ended; a Goexit is a failure.
func TestAllPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var joined atomic.Bool
		func() {
			defer func() {
				p, ok := recover().(*scope.PanicError)
				require.True(t, ok)
				require.Equal(t, "boom", p.Value)
				require.True(t, joined.Load())
			}()
			_, _ = wait.All(ctx,
				func(ctx context.Context) (int, error) { _, err := forever(ctx); joined.Store(true); return 0, err },
				later(time.Second, func(context.Context) (int, error) { panic("boom") }))
		}()
		_, err := wait.All(ctx, forever, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil })
		require.Equal(t, []error{scope.ErrGoexit}, failuresOf(t, err))
	})
}

// never fails the test if it is called.
func never(t *testing.T) fn {
	return func(context.Context) (int, error) { t.Error("it has run"); return 0, nil }
}

// R2, R65: with a cancelled ctx nothing runs, also if there is nothing to run.
func TestAllCancelledBefore(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		vs, err := wait.All(gone(), never(t))
		require.Nil(t, vs)
		canceledIs(t, scope.KindContext, err)
		_, err = wait.All[int](gone())
		canceledIs(t, scope.KindContext, err)
	})
}

// R65: cancelled while they run: the cancellation, once all have ended; but a
// value beats it (R38).
func TestAllCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		stubborn := func(ctx context.Context) (int, error) { <-ctx.Done(); return 5, nil }
		s := scope.New()
		require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
			time.AfterFunc(time.Second, func() { s.Cancel(errA) })
			vs, err := wait.All(ctx, stubborn, forever)
			require.Nil(t, vs)
			require.Equal(t, s.Cause(), err)
			return err
		}))
		other, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		vs, err := wait.All(other, stubborn, stubborn)
		require.NoError(t, err)
		require.Equal(t, []int{5, 5}, vs)
	})
}

// R65: results or an error: what was cancelled from within has no result, and
// the scope, which catches its own cancellation, has no error.
func TestAllCancelledFromWithin(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		for _, cancel := range []func(context.Context){
			func(ctx context.Context) { scope.TaskFrom(ctx).Cancel(errA) },
			func(ctx context.Context) { scope.From(ctx).Cancel(errA) },
		} {
			vs, err := wait.All(ctx, after(0, 1, nil), func(ctx context.Context) (int, error) { cancel(ctx); return forever(ctx) })
			require.Nil(t, vs)
			require.ErrorIs(t, canceledIs(t, scope.KindExplicit, err), errA)
		}
	})
}

// R90: nil functions and a nil ctx are refused, before anything runs.
func TestCombinatorsMisuse(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	var nothing fn
	for name, call := range map[string]func(context.Context, ...func(context.Context) (int, error)) error{
		"All": func(ctx context.Context, fns ...func(context.Context) (int, error)) error {
			_, err := wait.All(ctx, fns...)
			return err
		},
		"Any": func(ctx context.Context, fns ...func(context.Context) (int, error)) error {
			_, err := wait.Any(ctx, fns...)
			return err
		},
		"Race": func(ctx context.Context, fns ...func(context.Context) (int, error)) error {
			_, err := wait.Race(ctx, fns...)
			return err
		},
	} {
		require.PanicsWithValue(t, "wait: "+name+" with a nil ctx: pass the ctx of the scope or task that waits", func() { _ = call(none, never(t)) })
		require.PanicsWithValue(t, "wait: "+name+": function number 1 is nil: pass the functions to run", func() { _ = call(bg, never(t), nothing) })
		if name != "All" {
			require.ErrorIs(t, call(bg), wait.ErrNothingToWait) // R63
			canceledIs(t, scope.KindContext, call(gone(), never(t)))
		}
	}
}
