package otelx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// workload does some of everything, and says how each part has ended.
func workload(ctx context.Context) string {
	var b strings.Builder
	say := func(what string, result any) { fmt.Fprintf(&b, "%s: %v\n", what, result) }

	var names []string
	for name := range scenarios {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		scenarios[name](ctx)
		say(name, "done")
	}

	say("failures", scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, failAfter(time.Second, errBoom), scope.Name("bad"))
		scope.Go(ctx, sleep(time.Hour), scope.Name("sibling"))
		return nil
	}, scope.Name("s")))

	var sum atomic.Int64
	say("storm", scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](4, csync.Name("q"))
		var putters []*scope.Child
		for range 4 {
			putters = append(putters, scope.Go(ctx, func(ctx context.Context) error {
				for i := range 300 {
					if err := q.Put(ctx, i); err != nil {
						return err
					}
				}
				return nil
			}, scope.Name("putter")))
			scope.Go(ctx, func(ctx context.Context) error {
				for {
					v, err := q.Get(ctx)
					if errors.Is(err, csync.ErrQueueClosed) {
						return nil
					}
					if err != nil {
						return err
					}
					sum.Add(int64(v))
				}
			}, scope.Name("getter"))
		}
		for _, p := range putters {
			if err := p.Wait(ctx); err != nil {
				return err
			}
		}
		q.Close()
		return nil
	}, scope.Name("storm")))
	say("sum", sum.Load())

	say("futures", scope.Run(ctx, func(ctx context.Context) error {
		for i := range 100 {
			f := task.NewFuture[int](ctx, task.Name("f"))
			scope.Go(ctx, func(context.Context) error { return f.SetResult(i) }, scope.Name("setter"))
			if v, err := f.Wait(ctx); err != nil || v != i {
				return fmt.Errorf("%d: %d, %w", i, v, err)
			}
		}
		return nil
	}))
	say("panic", func() (v any) {
		defer func() { v, _, _ = strings.Cut(fmt.Sprint(recover()), "\n") }()
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { panic("what") }, scope.Name("p"))
			return nil
		}, scope.Name("s"))
	}())
	return b.String()
}

// sound returns a provider, and what holds its traces to the invariants.
func sound(t *testing.T, opts ...sdktrace.TracerProviderOption) (trace.TracerProvider, func()) {
	c := invariant.New()
	if len(opts) > 0 {
		c.DoNotCount() // they are samplers
	}
	return c.Provider(opts...), func() { require.Empty(t, invariant.Text(c.Broken())) }
}

// modes are the ways in which telemetry can be set up, or go wrong. Each makes
// the options, and what is called at the end.
var modes = map[string]func(t *testing.T) ([]otelx.Option, func()){
	"no SDK": func(*testing.T) ([]otelx.Option, func()) { return nil, func() {} },
	"never sampled": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())))}, func() {}
	},
	"ratio": func(t *testing.T) ([]otelx.Option, func()) {
		tp, check := sound(t, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(.5))))
		return []otelx.Option{otelx.WithTracerProvider(tp)}, check
	},
	"always": func(t *testing.T) ([]otelx.Option, func()) {
		tp, check := sound(t)
		mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(new(logs)))
		return []otelx.Option{otelx.WithTracerProvider(tp), otelx.WithMeterProvider(mp), otelx.WithLoggerProvider(lp)}, check
	},
	"always, small budget": func(t *testing.T) ([]otelx.Option, func()) {
		tp, check := sound(t)
		return []otelx.Option{otelx.WithTracerProvider(tp), otelx.WithLeafBudget(1)}, check
	},
	"an exporter that blocks": func(*testing.T) ([]otelx.Option, func()) {
		free := make(chan struct{})
		tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter(func() error { <-free; return nil }), sdktrace.WithMaxQueueSize(16), sdktrace.WithMaxExportBatchSize(4)))
		return []otelx.Option{otelx.WithTracerProvider(tp)}, func() { close(free); _ = tp.Shutdown(context.Background()) }
	},
	"an exporter that fails": func(*testing.T) ([]otelx.Option, func()) {
		tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter(func() error { return errBoom })))
		return []otelx.Option{otelx.WithTracerProvider(tp)}, func() { _ = tp.Shutdown(context.Background()) }
	},
	"an exporter that panics": func(*testing.T) ([]otelx.Option, func()) {
		tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter(func() error { panic("exporter") })))
		return []otelx.Option{otelx.WithTracerProvider(tp)}, func() {}
	},
	"a processor that panics at the end": func(*testing.T) ([]otelx.Option, func()) {
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(hook{end: func() { panic("OnEnd") }}))
		return []otelx.Option{otelx.WithTracerProvider(tp)}, func() {}
	},
	"a sampler that panics": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(panickingSampler{})))}, func() {}
	},
	"a meter provider that panics": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithMeterProvider(panickingMeters{})}, func() {}
	},
	"a meter that fails": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithMeterProvider(failingMeters{})}, func() {}
	},
	"instruments that panic": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithMeterProvider(panickingInstruments{})}, func() {}
	},
	"a logger provider that panics": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithLoggerProvider(panickingLoggers{})}, func() {}
	},
	"a logger that panics when asked": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithLoggerProvider(sdklog.NewLoggerProvider(sdklog.WithProcessor(panickingFilter{})))}, func() {}
	},
	"a log processor that panics": func(*testing.T) ([]otelx.Option, func()) {
		return []otelx.Option{otelx.WithLoggerProvider(sdklog.NewLoggerProvider(sdklog.WithProcessor(panickingLogs{})))}, func() {}
	},
}

// R84: whatever becomes of telemetry, the work is the same; what panics is
// reported once.
func TestWorkIsTheSameInEveryMode(t *testing.T) {
	testkit.Guard(t)
	var reported []string
	var mu sync.Mutex
	handler := otel.GetErrorHandler()
	defer otel.SetErrorHandler(handler)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(err.Error(), "otelx: ") {
			reported = append(reported, err.Error())
			panic("and the handler panics, too")
		}
	}))
	results := map[string]string{}
	for name, mode := range modes {
		reported = nil
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts, end := mode(t)
				inst, err := otelx.New(opts...)
				require.NoError(t, err)
				results[name] = workload(otelx.NewContext(context.Background(), inst))
				end()
			})
			if strings.Contains(name, "panic") {
				require.Len(t, reported, 1)
				require.Contains(t, reported[0], "panicked and is not called any more")
			} else {
				require.Empty(t, reported)
			}
		})
	}
	for name, got := range results {
		require.Equal(t, results["no SDK"], got, name)
	}
	require.Contains(t, results["no SDK"], "sum: 179400")
}

// R83: where the root is not sampled, the sampler is asked once, and not for
// what is inside.
func TestUnsampledAsksOnce(t *testing.T) {
	testkit.Guard(t)
	asked := new(countingSampler)
	ctx := with(t, otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(asked))))
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](0)
		_ = q.Put(ctx, 1)
		scope.Go(ctx, fails(nil))
		scope.Go(ctx, fails(nil), scope.NewRoot())
		_ = task.NewFuture[int](ctx).SetResult(1)
		return scope.Run(ctx, func(ctx context.Context) error { return scope.Go(ctx, fails(nil)).Wait(ctx) })
	})
	require.EqualValues(t, 1, asked.Load())
}

type countingSampler struct{ atomic.Int32 }

func (s *countingSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s.Add(1)
	return sdktrace.NeverSample().ShouldSample(p)
}
func (*countingSampler) Description() string { return "never, and counts" }

// No lock of ours is held while the SDK is called: a processor may look at the
// tree, cancel, and use the queue.
func TestSDKMayCallBack(t *testing.T) {
	testkit.Guard(t)
	var s *scope.Scope
	q := csync.NewQueue[int](100, csync.Name("q"))
	var back atomic.Int64
	callBack := func() {
		if s != nil {
			_ = s.Snapshot()
			_ = s.Cause()
			_ = s.SetDeadline(time.Now().Add(time.Hour))
			_ = q.Len()
			_ = scope.Snapshots()
			back.Add(1)
		}
	}
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(logHook{new(logs), callBack}))
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(hook{callBack, callBack}))
	ctx := with(t, otelx.WithTracerProvider(tp), otelx.WithLoggerProvider(lp), otelx.WithLeafBudget(2))
	err := scope.Run(ctx, func(ctx context.Context) error {
		s = scope.From(ctx)
		for i := range 10 {
			_ = q.Put(ctx, i)
		}
		scope.Go(ctx, func(ctx context.Context) error {
			_, _ = q.Get(ctx)
			return scope.Run(ctx, func(ctx context.Context) error {
				return task.NewFuture[int](ctx).SetResult(1)
			})
		}, scope.Name("a"))
		return nil
	}, scope.MovableDeadline(time.Time{}), scope.Limit(1))
	require.NoError(t, err)
	_ = scope.Run(ctx, fails(errBoom))
	require.Positive(t, back.Load())
}

type exporter func() error

func (e exporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return e() }
func (exporter) Shutdown(context.Context) error                               { return nil }

type hook struct{ start, end func() }

func (h hook) OnStart(context.Context, sdktrace.ReadWriteSpan) {
	if h.start != nil {
		h.start()
	}
}

func (h hook) OnEnd(sdktrace.ReadOnlySpan) {
	if h.end != nil {
		h.end()
	}
}
func (hook) Shutdown(context.Context) error   { return nil }
func (hook) ForceFlush(context.Context) error { return nil }

type panickingSampler struct{}

func (panickingSampler) ShouldSample(sdktrace.SamplingParameters) sdktrace.SamplingResult {
	panic("sampler")
}
func (panickingSampler) Description() string { return "panics" }

type panickingMeters struct{ metricnoop.MeterProvider }

func (panickingMeters) Meter(string, ...metric.MeterOption) metric.Meter { panic("Meter") }

type failingMeters struct{ metricnoop.MeterProvider }

func (failingMeters) Meter(string, ...metric.MeterOption) metric.Meter { return failingMeter{} }

type failingMeter struct{ metricnoop.Meter }

func (failingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errBoom
}

func (failingMeter) Int64ObservableUpDownCounter(string, ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	return nil, errBoom
}

func (failingMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return nil, errBoom
}

type panickingInstruments struct{ metricnoop.MeterProvider }

func (panickingInstruments) Meter(string, ...metric.MeterOption) metric.Meter {
	return panickingMeter{}
}

type panickingMeter struct{ metricnoop.Meter }

func (panickingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return panickingHistogram{}, nil
}

type panickingHistogram struct{ metricnoop.Float64Histogram }

func (panickingHistogram) Record(context.Context, float64, ...metric.RecordOption) { panic("Record") }

type panickingLoggers struct{ lognoop.LoggerProvider }

func (panickingLoggers) Logger(string, ...log.LoggerOption) log.Logger { panic("Logger") }

type panickingLogs struct{}

func (panickingLogs) OnEmit(context.Context, *sdklog.Record) error           { panic("OnEmit") }
func (panickingLogs) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (panickingLogs) Shutdown(context.Context) error                         { return nil }
func (panickingLogs) ForceFlush(context.Context) error                       { return nil }

type panickingFilter struct{ panickingLogs }

func (panickingFilter) Enabled(context.Context, sdklog.EnabledParameters) bool { panic("Enabled") }

type logHook struct {
	*logs
	call func()
}

func (h logHook) OnEmit(ctx context.Context, r *sdklog.Record) error {
	h.call()
	return h.logs.OnEmit(ctx, r)
}
