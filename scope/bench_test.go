package scope_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/scope"
)

// telemetry runs a benchmark with no SDK, below a parent that is not sampled,
// and below one that is. The same work without Corral is in examples/compare.
func telemetry(b *testing.B, f func(b *testing.B, ctx context.Context)) {
	b.Run("off", func(b *testing.B) { f(b, bg) })
	for name, sampler := range map[string]trace.Sampler{"unsampled": trace.NeverSample(), "sampled": trace.AlwaysSample()} {
		b.Run(name, func(b *testing.B) {
			ctx, span := trace.NewTracerProvider(trace.WithSampler(sampler)).Tracer("bench").Start(bg, "request")
			defer span.End()
			f(b, ctx)
		})
	}
}

// BenchmarkRun opens a scope, spawns n tasks that do nothing, and joins them.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			telemetry(b, func(b *testing.B, ctx context.Context) {
				b.ReportAllocs()
				for b.Loop() {
					_ = scope.Run(ctx, func(ctx context.Context) error {
						for range n {
							scope.Go(ctx, named)
						}
						return nil
					})
				}
			})
		})
	}
}

// BenchmarkGo spawns one task in an open scope and waits for it.
func BenchmarkGo(b *testing.B) {
	telemetry(b, func(b *testing.B, ctx context.Context) {
		b.ReportAllocs()
		_ = scope.Run(ctx, func(ctx context.Context) error {
			for b.Loop() {
				_ = scope.Go(ctx, named).Wait(ctx)
			}
			return nil
		})
	})
}

// BenchmarkNest opens scopes in one another.
func BenchmarkNest(b *testing.B) {
	var nest func(ctx context.Context, n int) error
	nest = func(ctx context.Context, n int) error {
		if n == 0 {
			return nil
		}
		return scope.Run(ctx, func(ctx context.Context) error { return nest(ctx, n-1) })
	}
	for _, depth := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			telemetry(b, func(b *testing.B, ctx context.Context) {
				b.ReportAllocs()
				for b.Loop() {
					_ = nest(ctx, depth)
				}
			})
		})
	}
}

// BenchmarkCancel cancels a scope with n parked tasks, and joins them.
func BenchmarkCancel(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				s := scope.New()
				_ = s.Run(bg, func(ctx context.Context) error {
					for range n {
						scope.Go(ctx, forever)
					}
					waitBegun(ctx, n)
					b.StartTimer()
					s.Cancel(nil)
					return nil
				})
			}
		})
	}
}

// BenchmarkSleep parks and is woken by a timer.
func BenchmarkSleep(b *testing.B) {
	telemetry(b, func(b *testing.B, ctx context.Context) {
		b.ReportAllocs()
		_ = scope.Run(ctx, func(ctx context.Context) error {
			for b.Loop() {
				_ = scope.Sleep(ctx, time.Nanosecond)
			}
			return nil
		})
	})
}

// BenchmarkCheckpoint asks whether ctx is cancelled.
func BenchmarkCheckpoint(b *testing.B) {
	b.ReportAllocs()
	_ = scope.Run(bg, func(ctx context.Context) error {
		for b.Loop() {
			_ = scope.Checkpoint(ctx)
		}
		return nil
	})
}
