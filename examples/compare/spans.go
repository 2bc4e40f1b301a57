package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// bareSpans writes by hand the spans that Corral would, with the same attributes:
// one for the whole, one for each goroutine.
func bareSpans(l loop, n int) {
	ctx, tracer, end := byHand()
	defer end()
	for l.Loop() {
		_ = scopeSpan(ctx, tracer, func(ctx context.Context) error {
			var wg sync.WaitGroup
			for i := range n {
				wg.Add(1)
				spawned := time.Now()
				go func() {
					defer wg.Done()
					_ = taskSpan(ctx, tracer, i, spawned)
				}()
			}
			wg.Wait()
			return nil
		})
	}
}

// corralSpans is Corral with the spans written by hand, and by nobody else.
func corralSpans(l loop, n int) {
	ctx, tracer, end := byHand()
	defer end()
	silent, err := otelx.New(otelx.WithLevel(otelx.LevelOff))
	must(err)
	ctx = otelx.NewContext(ctx, silent)
	for l.Loop() {
		must(scopeSpan(ctx, tracer, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				for i := range n {
					spawned := time.Now()
					scope.Go(ctx, func(ctx context.Context) error { return taskSpan(ctx, tracer, i, spawned) })
				}
				return nil
			})
		}))
	}
}

// byHand returns a context that is sampled, and what makes spans below it.
func byHand() (ctx context.Context, tracer trace.Tracer, end func()) {
	ctx, end = sampled.begin()
	return ctx, trace.SpanFromContext(ctx).TracerProvider().Tracer("compare"), end
}

func scopeSpan(ctx context.Context, tracer trace.Tracer, body func(context.Context) error) error {
	start := time.Now()
	ctx, span := tracer.Start(ctx, "scope join", trace.WithTimestamp(start), trace.WithAttributes(
		attribute.String("scope.name", "join"), attribute.String("scope.path", "join")))
	err := body(ctx)
	end := time.Now()
	span.SetAttributes( // the path is guesswork: by hand nobody knows what it was
		attribute.StringSlice("critical.path", []string{"join=" + strconv.FormatFloat(end.Sub(start).Seconds(), 'f', 9, 64)}),
		attribute.String("critical.task", "join"))
	span.End(trace.WithTimestamp(end))
	return err
}

func taskSpan(ctx context.Context, tracer trace.Tracer, id int, spawned time.Time) error {
	begun := time.Now()
	ctx, span := tracer.Start(ctx, "task nothing", trace.WithTimestamp(begun), trace.WithAttributes(
		attribute.String("scope.path", "join"), attribute.String("task.name", "nothing"), attribute.Int("task.id", id),
		attribute.Float64("task.schedule_delay", begun.Sub(spawned).Seconds())))
	defer func() { span.End() }()
	err := nothing(ctx)
	span.SetAttributes(attribute.String("task.result", "success"), attribute.Float64("task.wait_time", 0))
	return err
}
