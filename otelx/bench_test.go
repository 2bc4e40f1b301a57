package otelx_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// sampled returns a ctx below a recorded span, and a tracer for the same by
// hand; nobody looks at what is recorded.
func sampled(b *testing.B) (context.Context, trace.Tracer) {
	tp := sdktrace.NewTracerProvider()
	ctx, span := tp.Tracer("x").Start(context.Background(), "request")
	b.Cleanup(func() { span.End() })
	return ctx, tp.Tracer("by hand")
}

// BenchmarkLeaf is a put and a get with a span each, beside a channel with the
// same spans made by hand: names, attributes and links.
func BenchmarkLeaf(b *testing.B) {
	ctx, byHand := sampled(b)
	inst, err := otelx.New(otelx.WithLeafBudget(1 << 30))
	require.NoError(b, err)
	b.Run("corral", func(b *testing.B) {
		b.ReportAllocs()
		_ = scope.Run(otelx.NewContext(ctx, inst), func(ctx context.Context) error {
			q := csync.NewQueue[int](8, csync.Name("q"))
			for b.Loop() {
				_ = q.Put(ctx, 1)
				_, _ = q.Get(ctx)
			}
			return nil
		})
	})
	type item struct {
		v    int
		from trace.SpanContext
	}
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		ctx, span := byHand.Start(ctx, "scope")
		defer span.End()
		c := make(chan item, 8)
		for b.Loop() {
			_, put := byHand.Start(ctx, "put q", trace.WithAttributes(
				attribute.Bool("corral.op.blocked", false), attribute.String("corral.queue.name", "q"), attribute.Int("corral.queue.size", len(c))))
			select {
			case c <- item{1, trace.SpanContextFromContext(ctx)}:
			case <-ctx.Done():
			}
			put.End()
			var it item
			_, get := byHand.Start(ctx, "get q", trace.WithAttributes(
				attribute.Bool("corral.op.blocked", false), attribute.String("corral.queue.name", "q"), attribute.Int("corral.queue.size", len(c))))
			select {
			case it = <-c:
			case <-ctx.Done():
			}
			get.AddLink(trace.Link{SpanContext: it.from})
			get.End()
		}
	})
	b.Run("merged", func(b *testing.B) {
		merging, err := otelx.New(otelx.WithLeafBudget(0))
		require.NoError(b, err)
		b.ReportAllocs()
		_ = scope.Run(otelx.NewContext(ctx, merging), func(ctx context.Context) error {
			q := csync.NewQueue[int](8, csync.Name("q"))
			for b.Loop() {
				_ = q.Put(ctx, 1)
				_, _ = q.Get(ctx)
			}
			return nil
		})
	})
}

// BenchmarkTask is a task with its span, beside a goroutine with the same span
// made by hand.
func BenchmarkTask(b *testing.B) {
	ctx, byHand := sampled(b)
	nop := fails(nil)
	b.Run("corral", func(b *testing.B) {
		b.ReportAllocs()
		_ = scope.Run(ctx, func(ctx context.Context) error {
			name := scope.Name("t")
			for b.Loop() {
				<-scope.Go(ctx, nop, name).Done()
			}
			return nil
		}, scope.Name("s"))
	})
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		ctx, span := byHand.Start(ctx, "scope s")
		defer span.End()
		for b.Loop() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				ctx, span := byHand.Start(ctx, "task t", trace.WithAttributes(
					attribute.String("corral.task.name", "t"), attribute.Int64("corral.task.id", 1),
					attribute.Float64("corral.task.schedule_delay", 0), attribute.String("corral.scope.path", "s")))
				err := nop(ctx)
				span.SetAttributes(attribute.String("corral.task.result", "success"), attribute.Float64("corral.task.wait_time", 0))
				_ = err
				span.End()
			}()
			<-done
		}
	})
}

// BenchmarkScope is a scope with its span, beside the span by hand.
func BenchmarkScope(b *testing.B) {
	ctx, byHand := sampled(b)
	nop := fails(nil)
	b.Run("corral", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = scope.Run(ctx, nop, scope.Name("s"))
		}
	})
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, span := byHand.Start(ctx, "scope s", trace.WithAttributes(
				attribute.String("corral.scope.name", "s"), attribute.String("corral.scope.path", "s")))
			ctx, cancel := context.WithCancelCause(ctx)
			_ = nop(ctx)
			cancel(nil)
			span.SetAttributes(attribute.StringSlice("corral.critical.path", []string{"s=0.000000100"}), attribute.String("corral.critical.task", "s"))
			span.End()
		}
	})
}

// BenchmarkMetrics is what the metrics of a task cost: active, schedule delay
// and duration.
func BenchmarkMetrics(b *testing.B) {
	ctx := quiet(b)["metrics"]
	m := otelx.MeterOf(ctx)
	background := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		s := m.Task("name")
		s.Begin(background, 1)
		s.End(background, otelx.Outcome{}, 1)
	}
}
