package scope_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R1, R2: every wait notices cancellation on every call, also where it could
// return at once.
func TestWaitsInACancelledCtx(t *testing.T) {
	testkit.Guard(t)
	s := scope.New()
	require.NoError(t, s.Run(bg, func(ctx context.Context) error {
		pending := scope.Go(ctx, forever)
		s.Cancel(errWhy)
		called := false
		for name, wait := range map[string]func() error{
			"Checkpoint": func() error { return scope.Checkpoint(ctx) },
			"Sleep 0":    func() error { return scope.Sleep(ctx, 0) },
			"Sleep -1":   func() error { return scope.Sleep(ctx, -1) },
			"Sleep":      func() error { return scope.Sleep(ctx, time.Hour) },
			"SleepUntil": func() error { return scope.SleepUntil(ctx, time.Now()) },
			"Blocking": func() error {
				_, err := scope.Blocking(ctx, func() (int, error) { called = true; return 1, nil })
				return err
			},
		} {
			require.Same(t, s.Cause(), wait(), name)
		}
		require.False(t, called)
		require.Same(t, s.Cause(), pending.Wait(ctx))
		return nil
	}))
	ctx, cancel := context.WithCancelCause(bg)
	cancel(errWhy)
	err := scope.Checkpoint(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errWhy)
	require.NoError(t, scope.Checkpoint(bg))
}

// R3, R38: of a task that is done, Wait returns the outcome also in a
// cancelled ctx.
func TestWaitOfDone(t *testing.T) {
	testkit.Guard(t)
	s := scope.New()
	err := s.Run(bg, func(ctx context.Context) error {
		c := scope.Go(ctx, func(context.Context) error { return errBoom }, scope.OnError(func(context.Context, error) bool { return false }))
		<-c.Done()
		s.Cancel(errWhy)
		require.Equal(t, errBoom, c.Wait(ctx))
		return nil
	})
	require.ErrorIs(t, err, errBoom)
}

// R5, R7: a waiter that gives up leaves nothing behind and harms nobody; after
// Run there is no goroutine, which the bubble sees to, and no timer.
func TestNothingLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			c := scope.Go(ctx, sleep(time.Minute))
			for range 100 {
				timedOut, err := scope.MoveOnAfter(ctx, time.Second/10, c.Wait)
				require.True(t, timedOut)
				require.NoError(t, err)
			}
			derived, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			require.ErrorIs(t, c.Wait(derived), context.DeadlineExceeded)
			return c.Wait(ctx)
		}, scope.Timeout(time.Hour)))
		require.Equal(t, time.Minute, time.Since(start))
	})
}

// R6: waits are durably blocked in a bubble; no lock is held while user code
// runs: callbacks may do anything with the scope.
func TestUserCodeMayReenter(t *testing.T) {
	testkit.Guard(t)
	s := scope.New(scope.Supervise(func(error) { _ = scope.Snapshots() }))
	require.NoError(t, s.Run(bg, func(ctx context.Context) error {
		c := scope.Go(ctx, func(context.Context) error { return reentrant{s} }, scope.OnError(func(ctx context.Context, err error) bool {
			_ = s.Snapshot()
			_ = s.Path()
			scope.Go(ctx, named)
			s.Cancel(err)
			_ = s.Cause().Error()
			return true
		}))
		<-c.Done()
		return nil
	}))
}

// reentrant is an error whose text needs the scope's lock.
type reentrant struct{ s *scope.Scope }

func (r reentrant) Error() string { return r.s.Path() + r.s.Snapshot().State }

// Blocking waits for its function, cancelled or not, unless it may abandon it.
func TestBlocking(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		timedOut, err := scope.MoveOnAfter(bg, time.Second, func(ctx context.Context) error {
			v, err := scope.Blocking(ctx, func() (int, error) { time.Sleep(time.Minute); return 7, nil })
			require.Equal(t, 7, v)
			return err
		})
		require.NoError(t, err)
		require.False(t, timedOut)
		require.Equal(t, time.Minute, time.Since(start))

		start = time.Now()
		var cleaned atomic.Bool
		timedOut, err = scope.MoveOnAfter(bg, time.Second, func(ctx context.Context) error {
			v, err := scope.Blocking(ctx, func() (int, error) { time.Sleep(time.Minute); return 7, nil },
				scope.Abandon(func() { cleaned.Store(true) }), nil)
			require.Zero(t, v)
			return err
		})
		require.NoError(t, err)
		require.True(t, timedOut)
		require.Equal(t, time.Second, time.Since(start))
		require.False(t, cleaned.Load())
		time.Sleep(time.Minute)
		require.True(t, cleaned.Load())

		v, err := scope.Blocking(bg, func() (int, error) { time.Sleep(1); return 7, errBoom }, scope.Abandon(func() { t.Error("not abandoned") }))
		require.Equal(t, 7, v)
		require.Equal(t, errBoom, err)
		_, err = scope.Blocking(bg, func() (int, error) { runtime.Goexit(); return 0, nil }, scope.Abandon(nil))
		require.Equal(t, scope.ErrGoexit, err)
		require.Panics(t, func() { _, _ = scope.Blocking(bg, func() (int, error) { panic("x") }, scope.Abandon(nil)) })
		require.Panics(t, func() { _, _ = scope.Blocking(bg, func() (int, error) { panic("x") }) })
		require.Panics(t, func() { _, _ = scope.Blocking[int](bg, nil) })
	})
}

// The tree shows a blocking call.
func TestBlockingInTheTree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				_, err := scope.Blocking(ctx, func() (int, error) { time.Sleep(time.Second); return 0, nil })
				return errors.Join(err, scope.Sleep(ctx, time.Second))
			})
			synctest.Wait()
			require.Equal(t, "blocking", scope.From(ctx).Snapshot().Tasks[0].WaitingOn.Kind)
			return nil
		}))
	})
}
