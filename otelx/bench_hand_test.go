package otelx_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// hand tells by hand what Corral tells: the same names, attributes, links and
// metrics, as carefully as one would who looks at a profile: what can be kept is
// made once.
type hand struct {
	trace.Tracer

	queueOp, inQueue, delay, duration metric.Float64Histogram // nil: no metrics
	active                            metric.Int64UpDownCounter
	putOp, getOp, queueName           []metric.RecordOption
	taskName, taskResult              []metric.RecordOption
	task1                             []metric.AddOption
}

func (h *hand) measure(b *testing.B, mp metric.MeterProvider) {
	meter := mp.Meter("by hand")
	histogram := func(name string) metric.Float64Histogram {
		inst, err := meter.Float64Histogram(name, metric.WithUnit("s"),
			metric.WithExplicitBucketBoundaries(.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60))
		require.NoError(b, err)
		return inst
	}
	with := func(kvs ...attribute.KeyValue) []metric.RecordOption {
		return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(kvs...))}
	}
	h.queueOp, h.inQueue = histogram("queue.operation"), histogram("queue.item")
	h.delay, h.duration = histogram("task.delay"), histogram("task.duration")
	active, err := meter.Int64UpDownCounter("task.active")
	require.NoError(b, err)
	h.active = active
	queue, name := attribute.String("corral.queue.name", "q"), attribute.String("corral.task.name", "t")
	h.queueName, h.taskName = with(queue), with(name)
	h.putOp = with(queue, attribute.String("corral.queue.operation", "put"))
	h.getOp = with(queue, attribute.String("corral.queue.operation", "get"))
	h.taskResult = with(name, attribute.String("corral.task.result", "success"))
	h.task1 = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(name))}
}

// item is what goes through a channel: with where it was put, and when.
type item struct {
	v    int
	from trace.SpanContext
	at   time.Time
}

func (h *hand) channel(b *testing.B, ctx context.Context, put, get func(context.Context, chan item)) {
	b.ReportAllocs()
	ctx, span := h.Start(ctx, "scope")
	defer span.End()
	c := make(chan item, 8)
	for b.Loop() {
		put(ctx, c)
		get(ctx, c)
	}
}

func (h *hand) item(ctx context.Context, at time.Time) item {
	it := item{v: 1, from: trace.SpanContextFromContext(ctx)}
	if h.inQueue != nil {
		it.at = at
	}
	return it
}

func (h *hand) wasPut(ctx context.Context, took time.Duration) {
	if h.queueOp != nil {
		h.queueOp.Record(ctx, took.Seconds(), h.putOp...)
	}
}

func (h *hand) wasGot(ctx context.Context, it item, took time.Duration, end time.Time) {
	if h.queueOp != nil {
		h.queueOp.Record(ctx, took.Seconds(), h.getOp...)
		h.inQueue.Record(ctx, end.Sub(it.at).Seconds(), h.queueName...)
	}
}

// put tries without blocking first: that tells whether it did.
func put(ctx context.Context, c chan item, it item) (blocked bool) {
	select {
	case c <- it:
		return false
	default:
	}
	select {
	case c <- it:
	case <-ctx.Done():
	}
	return true
}

func get(ctx context.Context, c chan item) (it item, blocked bool) {
	select {
	case it = <-c:
		return it, false
	default:
	}
	select {
	case it = <-c:
	case <-ctx.Done():
	}
	return it, true
}

func (h *hand) put(ctx context.Context, c chan item) {
	var start time.Time
	if h.queueOp != nil {
		start = time.Now()
	}
	_, span := h.Start(ctx, "put q", trace.WithAttributes(attribute.String("corral.queue.name", "q")))
	blocked := put(ctx, c, h.item(ctx, start))
	span.SetAttributes(attribute.Bool("corral.op.blocked", blocked), attribute.Int("corral.queue.size", len(c)))
	span.End()
	if h.queueOp != nil {
		h.wasPut(ctx, time.Since(start))
	}
}

func (h *hand) get(ctx context.Context, c chan item) {
	var start time.Time
	if h.queueOp != nil {
		start = time.Now()
	}
	_, span := h.Start(ctx, "get q", trace.WithAttributes(attribute.String("corral.queue.name", "q")))
	it, blocked := get(ctx, c)
	span.SetAttributes(attribute.Bool("corral.op.blocked", blocked), attribute.Int("corral.queue.size", len(c)))
	span.AddLink(trace.Link{SpanContext: it.from})
	span.End()
	if h.queueOp != nil {
		end := time.Now()
		h.wasGot(ctx, it, end.Sub(start), end)
	}
}

func (h *hand) putThenTell(ctx context.Context, c chan item) {
	start := time.Now()
	blocked := put(ctx, c, h.item(ctx, start))
	end := time.Now()
	_, span := h.Start(ctx, "put q", trace.WithTimestamp(start), trace.WithAttributes(
		attribute.Bool("corral.op.blocked", blocked), attribute.String("corral.queue.name", "q"), attribute.Int("corral.queue.size", len(c))))
	span.End(trace.WithTimestamp(end))
	h.wasPut(ctx, end.Sub(start))
}

func (h *hand) getThenTell(ctx context.Context, c chan item) {
	start := time.Now()
	it, blocked := get(ctx, c)
	end := time.Now()
	_, span := h.Start(ctx, "get q", trace.WithTimestamp(start), trace.WithLinks(trace.Link{SpanContext: it.from}), trace.WithAttributes(
		attribute.Bool("corral.op.blocked", blocked), attribute.String("corral.queue.name", "q"), attribute.Int("corral.queue.size", len(c))))
	span.End(trace.WithTimestamp(end))
	h.wasGot(ctx, it, end.Sub(start), end)
}

func (h *hand) task(ctx context.Context, spawned time.Time, f func(context.Context) error) error {
	begun := time.Now()
	delay := begun.Sub(spawned).Seconds()
	ctx, span := h.Start(ctx, "task t", trace.WithTimestamp(begun), trace.WithAttributes(
		attribute.String("corral.task.name", "t"), attribute.Int64("corral.task.id", 1),
		attribute.Float64("corral.task.schedule_delay", delay), attribute.String("corral.scope.path", "s")))
	if h.active != nil {
		h.active.Add(ctx, 1, h.task1...)
		h.delay.Record(ctx, delay, h.taskName...)
	}
	err := f(ctx)
	if h.active != nil {
		h.active.Add(ctx, -1, h.task1...)
		h.duration.Record(ctx, time.Since(begun).Seconds(), h.taskResult...)
	}
	span.SetAttributes(attribute.String("corral.task.result", "success"), attribute.Float64("corral.task.wait_time", 0))
	span.End()
	return err
}

func (h *hand) scope(ctx context.Context, f func(context.Context) error) error {
	start := time.Now()
	ctx, span := h.Start(ctx, "scope s", trace.WithTimestamp(start), trace.WithAttributes(
		attribute.String("corral.scope.name", "s"), attribute.String("corral.scope.path", "s")))
	err := f(ctx)
	end := time.Now()
	span.SetAttributes(
		attribute.StringSlice("corral.critical.path", []string{"s=" + strconv.FormatFloat(end.Sub(start).Seconds(), 'f', 9, 64)}),
		attribute.String("corral.critical.task", "s"))
	span.End(trace.WithTimestamp(end))
	return err
}
