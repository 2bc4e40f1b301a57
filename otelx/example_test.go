package otelx_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// Spans go to the provider that is given; without one, to that of the span in
// ctx, or else to the global one.
func ExampleNew() {
	spans := tracetest.NewSpanRecorder()
	inst, err := otelx.New(
		otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		otelx.WithLevel(otelx.LevelTasks),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := otelx.NewContext(context.Background(), inst)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(context.Context) error { return nil }, scope.Name("fetch"))
		return nil
	}, scope.Name("checkout"))
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	_, err = otelx.New(otelx.WithTracerProvider(nil))
	fmt.Println(err)
	// Output:
	// task fetch
	// scope checkout
	// otelx: WithTracerProvider(nil): pass a provider, or leave the option out for the global one
}

// A part of a program can be left out: below this ctx nothing is a span, while
// metrics go on.
func ExampleNewContext() {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	all, _ := otelx.New(otelx.WithTracerProvider(tp))
	none, _ := otelx.New(otelx.WithLevel(otelx.LevelOff))
	body := func(context.Context) error { return nil }

	ctx := otelx.NewContext(context.Background(), all)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		return scope.Run(otelx.NewContext(ctx, none), body, scope.Name("quiet"))
	}, scope.Name("loud"))
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	// Output: scope loud
}

// What a record was logged in is on it: here without an SDK, so that there is
// no trace id.
func ExampleLogHandler() {
	text := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // differs from run to run
			}
			return a
		},
	})
	log := slog.New(otelx.LogHandler(text))
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			log.InfoContext(ctx, "fetched", "items", 3)
			return nil
		}, scope.Name("fetch"))
		return nil
	}, scope.Name("checkout"))
	// Output: level=INFO msg=fetched items=3 corral.scope.path=checkout corral.task.name=fetch
}

func ExampleLevel() {
	for l := otelx.LevelAll; l <= otelx.LevelOff; l++ {
		fmt.Println(l)
	}
	// Output:
	// all
	// blocking
	// tasks
	// off
}

// With a budget of one, the second and every further quick operation of a task
// share a span.
func ExampleWithLeafBudget() {
	spans := tracetest.NewSpanRecorder()
	inst, _ := otelx.New(
		otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		otelx.WithLeafBudget(1),
	)
	_ = scope.Run(otelx.NewContext(context.Background(), inst), func(ctx context.Context) error {
		done := scope.Go(ctx, func(context.Context) error { return nil }, scope.Name("fetch"))
		<-done.Done()
		for range 5 {
			_ = done.Wait(ctx)
		}
		return nil
	}, scope.Name("checkout"))
	for _, s := range spans.Ended() {
		for _, kv := range s.Attributes() {
			if kv.Key == "corral.op.count" {
				fmt.Println(s.Name(), kv.Value.AsInt64())
			}
		}
	}
	// Output: await fetch 4
}

// LoopOf is what a Monitor measures with.
func ExampleLoopOf() {
	reader := sdkmetric.NewManualReader()
	inst, _ := otelx.New(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	ctx := otelx.NewContext(context.Background(), inst)
	loop := otelx.LoopOf(ctx, "main")
	loop.Delay(ctx, 3*time.Millisecond)

	var all metricdata.ResourceMetrics
	_ = reader.Collect(ctx, &all)
	for _, m := range all.ScopeMetrics[0].Metrics {
		if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
			fmt.Println(m.Name, h.DataPoints[0].Count, h.DataPoints[0].Sum)
		}
	}
	// Output: corral.loop.delay 1 0.003
}
