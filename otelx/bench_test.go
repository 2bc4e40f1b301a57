package otelx_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// The benchmarks of this package are about ratios: each has what Corral tells,
// and beside it the same told by hand (see bench_hand_test.go), or nothing. Run
// them in turns, as in
//
//	for i in 1 2 3 4 5; do go test ./otelx -run - -bench . -benchtime 100ms; done
//
// and compare the medians of the rows of one group.

// discard is a processor that costs nothing: what is measured is the making of
// spans, not their export.
type discard struct{}

func (discard) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discard) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discard) Shutdown(context.Context) error                  { return nil }
func (discard) ForceFlush(context.Context) error                { return nil }

// recorded returns a ctx below a recorded span, in which everything is told and
// nothing merged, the same ctx in which Corral tells nothing, and what is needed
// to tell it by hand.
func recorded(b *testing.B, metrics bool) (ctx, silent context.Context, h *hand) {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(discard{}))
	h = &hand{Tracer: tp.Tracer("by hand")}
	opts := []otelx.Option{otelx.WithLeafBudget(1 << 30)}
	if metrics {
		mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		opts = append(opts, otelx.WithMeterProvider(mp))
		h.measure(b, mp)
	}
	inst, err := otelx.New(opts...)
	require.NoError(b, err)
	ctx, span := tp.Tracer("x").Start(context.Background(), "request")
	b.Cleanup(func() { span.End() })
	return otelx.NewContext(ctx, inst), otelx.NewContext(ctx, off(b)), h
}

// twice runs a benchmark with spans alone, and with spans and metrics.
func twice(b *testing.B, f func(b *testing.B, metrics bool)) {
	b.Run("spans", func(b *testing.B) { f(b, false) })
	b.Run("spans and metrics", func(b *testing.B) { f(b, true) })
}

func putAndGet(b *testing.B, ctx context.Context) {
	b.ReportAllocs()
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](8, csync.Name("q"))
		for b.Loop() {
			_ = q.Put(ctx, 1)
			_, _ = q.Get(ctx)
		}
		return nil
	})
}

func tasks(b *testing.B, ctx context.Context, f func(context.Context) error) {
	b.ReportAllocs()
	_ = scope.Run(ctx, func(ctx context.Context) error {
		name := scope.Name("t")
		for b.Loop() {
			<-scope.Go(ctx, f, name).Done()
		}
		return nil
	}, scope.Name("s"))
}

func scopes(b *testing.B, ctx context.Context) {
	b.ReportAllocs()
	nop := fails(nil)
	for b.Loop() {
		_ = scope.Run(ctx, nop, scope.Name("s"))
	}
}

// BenchmarkLeaf is a put and a get with a span each: a queue of ours, beside a
// channel with the same spans made by hand. Those can be open while the
// operation waits, or be made afterwards, as ours are.
func BenchmarkLeaf(b *testing.B) {
	twice(b, func(b *testing.B, metrics bool) {
		ctx, _, h := recorded(b, metrics)
		b.Run("corral", func(b *testing.B) { putAndGet(b, ctx) })
		b.Run("channel, by hand", func(b *testing.B) { h.channel(b, ctx, h.put, h.get) })
		b.Run("channel, by hand afterwards", func(b *testing.B) { h.channel(b, ctx, h.putThenTell, h.getThenTell) })
	})
	b.Run("merged", func(b *testing.B) {
		ctx, _, _ := recorded(b, false)
		merging, err := otelx.New(otelx.WithLeafBudget(0))
		require.NoError(b, err)
		putAndGet(b, otelx.NewContext(ctx, merging))
	})
}

// BenchmarkTask is a task with its span: beside a task with the same span made
// by hand, and beside a goroutine with it.
func BenchmarkTask(b *testing.B) {
	twice(b, func(b *testing.B, metrics bool) {
		ctx, silent, h := recorded(b, metrics)
		b.Run("corral", func(b *testing.B) { tasks(b, ctx, fails(nil)) })
		b.Run("corral, by hand", func(b *testing.B) {
			var spawned time.Time
			b.ReportAllocs()
			_ = scope.Run(silent, func(ctx context.Context) error {
				name := scope.Name("t")
				run := func(ctx context.Context) error { return h.task(ctx, spawned, fails(nil)) }
				for b.Loop() {
					spawned = time.Now()
					<-scope.Go(ctx, run, name).Done()
				}
				return nil
			}, scope.Name("s"))
		})
		b.Run("goroutine, by hand", func(b *testing.B) {
			b.ReportAllocs()
			ctx, span := h.Start(ctx, "scope s")
			defer span.End()
			for b.Loop() {
				done, spawned := make(chan struct{}), time.Now()
				go func() {
					defer close(done)
					_ = h.task(ctx, spawned, fails(nil))
				}()
				<-done
			}
		})
	})
}

// BenchmarkScope is a scope with its span: beside a scope with the same span
// made by hand, and beside a context with it, which owns no tasks.
func BenchmarkScope(b *testing.B) {
	ctx, silent, h := recorded(b, false)
	nop := fails(nil)
	b.Run("corral", func(b *testing.B) { scopes(b, ctx) })
	b.Run("corral, by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = h.scope(silent, func(ctx context.Context) error { return scope.Run(ctx, nop, scope.Name("s")) })
		}
	})
	b.Run("context, by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = h.scope(ctx, func(ctx context.Context) error {
				ctx, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				return nop(ctx)
			})
		}
	})
}

// BenchmarkMetrics is what the metrics of a task cost: active, schedule delay
// and duration; beside two histograms of the SDK with kept options, which is
// the least that those can cost.
func BenchmarkMetrics(b *testing.B) {
	sampled, _, h := recorded(b, true)
	for name, ctx := range map[string]context.Context{"sampled": sampled, "unsampled": quiet(b)["unsampled, metrics"]} {
		in := ctx
		if name == "unsampled" { // as package scope has it
			in = context.Background()
		}
		b.Run(name+"/corral", func(b *testing.B) {
			m := otelx.MeterOf(ctx)
			b.ReportAllocs()
			for b.Loop() {
				s := m.Task("name")
				s.Begin(in, time.Millisecond)
				s.End(in, otelx.Outcome{}, time.Millisecond)
			}
		})
		b.Run(name+"/two histograms of the SDK", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.delay.Record(in, .001, h.taskName...)
				h.duration.Record(in, .001, h.taskResult...)
			}
		})
	}
}

// BenchmarkQuiet is what telemetry costs when there is none: with it left out
// (LevelOff and no meter is as near as one can come), without an SDK, and below
// a parent that is not sampled.
func BenchmarkQuiet(b *testing.B) {
	all := quiet(b)
	for _, row := range []struct {
		name string
		ctx  context.Context
	}{
		{"left out", otelx.NewContext(context.Background(), off(b))},
		{"no SDK", all["no SDK"]},
		{"unsampled", all["unsampled"]},
	} {
		b.Run("leaf/"+row.name, func(b *testing.B) { putAndGet(b, row.ctx) })
		b.Run("task/"+row.name, func(b *testing.B) { tasks(b, row.ctx, fails(nil)) })
		b.Run("scope/"+row.name, func(b *testing.B) { scopes(b, row.ctx) })
	}
}

// BenchmarkName is what it costs to name a task after its function, as its span
// and its metrics do.
func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		c := scope.Go(ctx, fails(nil))
		<-c.Done()
		for b.Loop() {
			_ = c.Name()
		}
		return nil
	})
}
