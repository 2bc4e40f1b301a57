package monitor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

var (
	bg      = context.Background()
	errBoom = errors.New("boom")
)

func report(monitor.Report) {}

// Run measures once a period until ctx is cancelled, and says why it was.
func TestRun(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		m := monitor.New(monitor.Period(time.Second), monitor.Name("main"), nil)
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			c := scope.Go(ctx, m.Run, scope.Background())
			time.Sleep(time.Hour + time.Second/2)
			synctest.Wait()
			require.EqualValues(t, 3600, m.Stats().Samples)
			require.Equal(t, 1.0, m.Result(), "time stands still while anything runs")
			require.Equal(t, "sleep", scope.From(ctx).Snapshot().Tasks[0].WaitingOn.Kind)
			c.Cancel(errBoom)
			require.ErrorIs(t, c.Wait(ctx), errBoom)
			return nil
		}))
		require.EqualValues(t, 3600, m.Stats().Samples)
		require.Equal(t, 1.0, m.Result())
	})
}

// A Monitor runs once: another Run is refused and leaves the first alone.
func TestRunOnce(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		m := monitor.New()
		ctx, cancel := context.WithCancel(bg)
		cancel()
		require.ErrorIs(t, m.Run(ctx), context.Canceled, "R2: it did not happen")
		ctx, cancel = context.WithCancel(bg)
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		time.Sleep(time.Second)
		synctest.Wait()
		again := func() {
			require.ErrorIs(t, m.Run(bg), scope.ErrInUse)
			require.ErrorIs(t, m.Watch(bg, func(context.Context) error { panic("not run") }), scope.ErrInUse)
			require.ErrorContains(t, m.Run(bg), "monitor: ")
		}
		again()
		n := m.Stats().Samples
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, n+100, m.Stats().Samples)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		again()
	})
}

// Watch measures while the body and its tasks run, and returns what Run of a
// scope does.
func TestWatch(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		m := monitor.New()
		require.NoError(t, m.Watch(bg, func(ctx context.Context) error {
			scope.Go(ctx, sleep(1005*time.Millisecond))
			return nil
		}))
		require.EqualValues(t, 100, m.Stats().Samples)

		require.ErrorIs(t, monitor.New().Watch(bg, func(context.Context) error { return errBoom }), errBoom)
		require.Panics(t, func() { _ = monitor.New().Watch(bg, func(context.Context) error { panic("no") }) })

		ctx, cancel := context.WithCancel(bg)
		cancel()
		ran := false
		m = monitor.New()
		require.NoError(t, m.Watch(ctx, func(context.Context) error { ran = true; return nil }))
		require.True(t, ran, "R2: opening a scope is not a wait")
		require.Equal(t, 1.0, m.Result())
	})
}

// R90: misuse is refused with a text that says what to do.
func TestMisuse(t *testing.T) {
	testkit.Guard(t)
	for text, f := range map[string]func(){
		"monitor: Period(0s)":                       func() { monitor.Period(0) },
		"monitor: Window(-1s)":                      func() { monitor.Window(-time.Second) },
		"monitor: OnLag with a threshold of 0s":     func() { monitor.OnLag(0, report) },
		"monitor: OnLag with a nil function":        func() { monitor.OnLag(time.Second, nil) },
		"monitor: a Window of 1ms with a Period of": func() { monitor.New(monitor.Window(time.Millisecond)) },
		"monitor: Run with a nil ctx":               func() { _ = monitor.New().Run(nil) },
		"monitor: Watch with a nil ctx or body":     func() { _ = monitor.New().Watch(bg, nil) },
	} {
		func() {
			defer func() {
				v := recover()
				require.NotNil(t, v, text)
				require.Contains(t, v, text)
			}()
			f()
		}()
	}
}

// Tasks are labelled while a Monitor with OnLag runs, and only then.
func TestLabelsOnlyWhileNeeded(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			m    *monitor.Monitor
			want bool
		}{{monitor.New(), false}, {monitor.New(monitor.OnLag(time.Second, report)), true}} {
			require.NoError(t, c.m.Watch(bg, func(context.Context) error {
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, c.want, seam.Label.Load() != nil)
				return nil
			}))
			require.Nil(t, seam.Label.Load())
		}
	})
}
