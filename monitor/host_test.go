package monitor_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	"github.com/corral-go/corral/testkit"
)

// onHost runs main as the guest of a loop: a queue of callbacks, on a goroutine
// that is locked to its thread or not.
func onHost(t *testing.T, ctx context.Context, locked bool, main func(ctx context.Context, post func(func())) error) { //nolint:revive // as in testing
	t.Helper()
	queue := make(chan func(), 100)
	post := func(fn func()) { queue <- fn }
	over := make(chan struct{})
	var out guest.Outcome[int]
	go func() {
		defer close(over)
		if locked {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
		}
		for fn := range queue {
			fn()
		}
	}()
	g, err := guest.Start(ctx, guest.Host{RunSyncSoonThreadsafe: post},
		func(ctx context.Context) (int, error) { return 1, main(ctx, post) },
		func(o guest.Outcome[int]) { out = o; close(queue) })
	require.NoError(t, err)
	<-over
	<-g.Done()
	require.NoError(t, out.Err)
}

// onHosts is onHost in virtual time, for both kinds of hosts.
func onHosts(t *testing.T, main func(ctx context.Context, t *testing.T, post func(func())) error) {
	t.Helper()
	for _, locked := range []bool{false, true} {
		t.Run(fmt.Sprint("locked=", locked), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				onHost(t, bg, locked, func(ctx context.Context, post func(func())) error { return main(ctx, t, post) })
			})
		})
	}
}

const ms = time.Millisecond

// reports keeps what OnLag reports.
type reports struct {
	mu  sync.Mutex
	all []monitor.Report
}

func (r *reports) add(n monitor.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, n)
}

func (r *reports) list() []monitor.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// freezes blocks, by hand, and with it the host.
//
//go:noinline
func freezes(d time.Duration) func(ctx context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

// In a host task, a Monitor measures how late the host calls what it is given:
// while nobody blocks that, not at all.
func TestHostAtRest(t *testing.T) {
	testkit.Guard(t)
	onHosts(t, func(ctx context.Context, t *testing.T, _ func(func())) error {
		m := monitor.New(monitor.Period(time.Second), monitor.OnLag(ms, func(monitor.Report) { t.Error("it was reported") }))
		return scope.Run(ctx, func(ctx context.Context) error {
			c := scope.Go(ctx, m.Run, scope.Background())
			require.NoError(t, scope.Sleep(ctx, time.Hour+time.Second/2))
			require.EqualValues(t, 3600, m.Stats().Samples)
			require.Equal(t, 1.0, m.Result())
			require.Zero(t, m.Stats().LagMax)
			require.Equal(t, "blocking", scope.From(ctx).Snapshot().Tasks[0].WaitingOn.Kind)
			require.ErrorIs(t, m.Run(ctx), scope.ErrInUse)
			require.True(t, c.Cancel(errBoom))
			require.ErrorIs(t, c.Wait(ctx), errBoom)
			return nil
		})
	})
}

// A blocking call freezes the host. The Monitor shows it, while it lasts, to who
// looks from elsewhere; it reports it, while it lasts, and names the task, with
// the place where that is blocked (R85).
func TestHostFrozen(t *testing.T) {
	testkit.Guard(t)
	onHosts(t, func(ctx context.Context, t *testing.T, _ func(func())) error {
		var seen reports
		m := monitor.New(monitor.OnLag(50*ms, seen.add))
		type look struct {
			monitor.Stats
			result  float64
			reports int
		}
		looked := make(chan look, 1)
		err := m.Watch(ctx, func(ctx context.Context) error {
			require.NoError(t, scope.Sleep(ctx, time.Second+5*ms))
			time.AfterFunc(800*ms, func() { looked <- look{m.Stats(), m.Result(), len(seen.list())} })
			scope.Go(ctx, func(context.Context) error { return nil }, scope.Name("innocent"))
			c := scope.Go(ctx, freezes(time.Second), scope.Name("culprit"))
			require.NoError(t, c.Wait(ctx))
			return scope.Sleep(ctx, 10*ms)
		})
		during := <-looked
		require.Equal(t, 80.5, during.Last, "of 10ms: since 5ms before the freeze")
		require.Greater(t, during.result, 30.0)
		require.Equal(t, 795*ms, during.LagMax)
		require.Equal(t, 995*ms, m.Stats().LagMax)

		require.Equal(t, 1, during.reports, "while it lasts")
		require.Len(t, seen.list(), 1, "once")
		r := seen.list()[0]
		require.Equal(t, 383*ms+1, r.Lag)
		require.Len(t, r.Culprits, 1)
		require.Contains(t, r.Culprits[0].Task, "watch/culprit")
		require.Equal(t, r.Lag, r.Culprits[0].CPU)
		require.Contains(t, string(r.Culprits[0].Stack), "time.Sleep")
		require.Contains(t, string(r.Culprits[0].Stack), "monitor_test.freezes")
		return err
	})
}

// A short one is reported when it is over; the next report comes ten seconds
// later at the earliest.
func TestHostFrozenShortly(t *testing.T) {
	testkit.Guard(t)
	onHosts(t, func(ctx context.Context, t *testing.T, _ func(func())) error {
		var seen reports
		m := monitor.New(monitor.OnLag(50*ms, seen.add))
		return m.Watch(ctx, func(ctx context.Context) error {
			for _, pause := range []time.Duration{time.Second, 11 * time.Second, time.Second} {
				require.NoError(t, scope.Sleep(ctx, 5*ms))
				require.NoError(t, scope.Go(ctx, freezes(100*ms), scope.Name("culprit")).Wait(ctx))
				require.NoError(t, scope.Sleep(ctx, pause))
			}
			require.Len(t, seen.list(), 2, "not the second")
			for _, r := range seen.list() {
				require.Equal(t, 95*ms, r.Lag)
				require.Len(t, r.Culprits, 1)
				require.Equal(t, 95*ms, r.Culprits[0].CPU)
			}
			return nil
		})
	})
}

// Who else may have the thread: the body, what a goroutine has asked for, many
// that take a little each, and the host itself.
func TestWhoFreezesTheHost(t *testing.T) {
	testkit.Guard(t)
	for name, c := range map[string]struct {
		freeze func(ctx context.Context, post func(func())) error
		want   string
		stack  string
	}{
		"the body": {func(ctx context.Context, _ func(func())) error { return freezes(time.Second)(ctx) }, "onHost.func3", "time.Sleep"},
		"for another": {func(ctx context.Context, _ func(func())) error {
			_, err := scope.Blocking(ctx, func() (int, error) {
				return guest.RunOnHost(ctx, func() (int, error) { return 0, freezes(time.Second)(ctx) })
			})
			return err
		}, "onHost.func3/watch", "time.Sleep"},
		"many": {func(ctx context.Context, _ func(func())) error {
			for range 200 {
				scope.Go(ctx, freezes(5*ms), scope.Name("one"))
			}
			return nil
		}, "watch/one", "time.Sleep"},
		"the host": {func(_ context.Context, post func(func())) error {
			post(func() { time.Sleep(time.Second) })
			return nil
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			onHosts(t, func(ctx context.Context, t *testing.T, post func(func())) error {
				var seen reports
				err := monitor.New(monitor.OnLag(50*ms, seen.add)).Watch(ctx, func(ctx context.Context) error {
					require.NoError(t, scope.Sleep(ctx, time.Second))
					require.NoError(t, c.freeze(ctx, post))
					return scope.Sleep(ctx, 3*time.Second)
				})
				require.Len(t, seen.list(), 1)
				require.Len(t, seen.list()[0].Culprits, 1)
				got := seen.list()[0].Culprits[0]
				require.Regexp(t, c.want+"$", got.Task)
				require.Contains(t, string(got.Stack), c.stack)
				require.InDelta(t, seen.list()[0].Lag, got.CPU, float64(11*ms))
				return err
			})
		})
	}
}

// It may also run on a goroutine, with a ctx that comes from the run, and then
// ends with that.
func TestHostFromAGoroutine(t *testing.T) {
	testkit.Guard(t)
	for _, locked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var seen reports
			m := monitor.New(monitor.OnLag(50*ms, seen.add))
			require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
				outer := scope.From(ctx)
				var c *scope.Child
				onHost(t, ctx, locked, func(ctx context.Context, _ func(func())) error {
					c = scope.Go(ctx, m.Run, scope.In(outer))
					require.NoError(t, scope.Sleep(ctx, time.Second))
					return scope.Go(ctx, freezes(time.Second), scope.Name("culprit")).Wait(ctx)
				})
				return c.Wait(ctx)
			}))
			require.Len(t, seen.list(), 1)
			require.Regexp(t, "/culprit$", seen.list()[0].Culprits[0].Task)
		})
	}
}

// The lags of a host have its run's name, or the Monitor's; one over the
// threshold leads to the culprit's span.
func TestHostMetrics(t *testing.T) {
	testkit.Guard(t)
	for _, name := range []string{"", "ui"} {
		synctest.Test(t, func(t *testing.T) {
			reader := sdkmetric.NewManualReader()
			tp := sdktrace.NewTracerProvider()
			inst, err := otelx.New(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), otelx.WithTracerProvider(tp))
			require.NoError(t, err)
			root, end := tp.Tracer("x").Start(otelx.NewContext(bg, inst), "own")
			defer end.End()
			var span trace.SpanContext
			want := name
			onHost(t, root, true, func(ctx context.Context, _ func(func())) error {
				if want == "" {
					want = scope.From(ctx).Name()
				}
				opts := []monitor.Option{monitor.OnLag(50*ms, report)}
				if name != "" {
					opts = append(opts, monitor.Name(name))
				}
				return monitor.New(opts...).Watch(ctx, func(ctx context.Context) error {
					for range 3 { // also those that are not reported
						c := scope.Go(ctx, func(ctx context.Context) error {
							span = trace.SpanContextFromContext(ctx)
							return freezes(200 * ms)(ctx)
						}, scope.Name("culprit"))
						require.NoError(t, c.Wait(ctx))
						require.NoError(t, scope.Sleep(ctx, time.Second))
						checkLags(t, reader, want, span)
					}
					return nil
				})
			})
		})
	}
}

// checkLags checks what is measured of the loop, and that the last bad lag leads
// to the span.
func checkLags(t *testing.T, reader *sdkmetric.ManualReader, loop string, span trace.SpanContext) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(bg, &rm))
	loops, found := 0, false
	for _, m := range rm.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Histogram[float64]:
			if m.Name != "corral.loop.delay" {
				continue
			}
			loops++
			require.Len(t, d.DataPoints, 1)
			v, _ := d.DataPoints[0].Attributes.Value("corral.loop.name")
			require.Equal(t, loop, v.AsString())
			for _, e := range d.DataPoints[0].Exemplars {
				if id := span.SpanID(); string(e.SpanID) == string(id[:]) {
					found = true
					require.InDelta(t, 0.19, e.Value, 0.011)
				}
			}
		case metricdata.Gauge[float64]:
			loops++
			v, _ := d.DataPoints[0].Attributes.Value("corral.loop.name")
			require.Equal(t, loop, v.AsString(), m.Name)
		}
	}
	require.Equal(t, 3, loops)
	require.True(t, found)
}

// Cancelled while the host is frozen, it ends when the host goes on, and what was
// seen is reported.
func TestHostFrozenAndCanceled(t *testing.T) {
	testkit.Guard(t)
	onHosts(t, func(ctx context.Context, t *testing.T, _ func(func())) error {
		var seen reports
		m := monitor.New(monitor.OnLag(50*ms, seen.add))
		s := scope.New()
		require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, m.Run)
			require.NoError(t, scope.Sleep(ctx, time.Second+5*ms))
			time.AfterFunc(100*ms, func() { s.Cancel(nil) })
			time.Sleep(time.Hour)
			return nil
		}))
		require.Len(t, seen.list(), 1)
		require.Equal(t, 95*ms, seen.list()[0].Lag)
		require.Equal(t, 95*ms, m.Stats().LagMax, "it has ended then")
		return nil
	})
}
