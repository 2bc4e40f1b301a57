package task_test

import (
	"context"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

// telemetry runs a benchmark with no SDK, below a parent that is not sampled,
// and below one that is.
func telemetry(b *testing.B, f func(b *testing.B, ctx context.Context)) {
	b.Run("off", func(b *testing.B) { b.ReportAllocs(); f(b, tkBg) })
	for _, m := range []struct {
		name    string
		sampler trace.Sampler
	}{{"unsampled", trace.NeverSample()}, {"sampled", trace.AlwaysSample()}} {
		b.Run(m.name, func(b *testing.B) {
			ctx, span := trace.NewTracerProvider(trace.WithSampler(m.sampler)).Tracer("bench").Start(tkBg, "request")
			defer span.End()
			b.ReportAllocs()
			f(b, ctx)
		})
	}
}

// inScope is telemetry in the body of a scope.
func inScope(b *testing.B, f func(b *testing.B, ctx context.Context)) {
	telemetry(b, func(b *testing.B, ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error { f(b, ctx); return nil })
	})
}

// BenchmarkFuture makes a future, sets it and waits for it; beside it a channel
// of one does, with select.
func BenchmarkFuture(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		ctx, stop := context.WithCancel(tkBg)
		defer stop()
		b.ReportAllocs()
		for b.Loop() {
			c := make(chan int, 1)
			c <- 1
			select {
			case <-c:
			case <-ctx.Done():
			}
		}
	})
	b.Run("zero", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				f := new(task.Future[int])
				_ = f.SetResult(1)
				_, _ = f.Wait(ctx)
			}
		})
	})
	b.Run("new", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				f := task.NewFuture[int](ctx)
				_ = f.SetResult(1)
				_, _ = f.Wait(ctx)
			}
		})
	})
}

// BenchmarkFutureDone reads a future that is done.
func BenchmarkFutureDone(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		ctx, stop := context.WithCancel(tkBg)
		defer stop()
		c := make(chan struct{})
		close(c)
		for b.Loop() {
			select {
			case <-c:
			case <-ctx.Done():
			}
		}
	})
	f := new(task.Future[int])
	_ = f.SetResult(1)
	b.Run("Result", func(b *testing.B) {
		for b.Loop() {
			_, _ = f.Result()
		}
	})
	b.Run("Wait, no scope", func(b *testing.B) {
		for b.Loop() {
			_, _ = f.Wait(tkBg)
		}
	})
	b.Run("Wait", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				_, _ = f.Wait(ctx)
			}
		})
	})
}

// BenchmarkFutureHandOver sets a future that another task waits for.
func BenchmarkFutureHandOver(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		ctx, stop := context.WithCancel(tkBg)
		defer stop()
		ask := make(chan chan int)
		defer close(ask)
		go func() {
			for c := range ask {
				c <- 1
			}
		}()
		b.ReportAllocs()
		for b.Loop() {
			c := make(chan int, 1)
			ask <- c
			select {
			case <-c:
			case <-ctx.Done():
			}
		}
	})
	b.Run("future", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			ask := make(chan *task.Future[int])
			defer close(ask)
			scope.Go(ctx, func(context.Context) error {
				for f := range ask {
					_ = f.SetResult(1)
				}
				return nil
			})
			for b.Loop() {
				f := new(task.Future[int])
				ask <- f
				_, _ = f.Wait(ctx)
			}
		})
	})
}

func benchOne(context.Context) (int, error) { return 1, nil }

// BenchmarkGo spawns one typed task in an open scope and waits for it; beside
// it a goroutine with a channel of one and select.
func BenchmarkGo(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		ctx, stop := context.WithCancel(tkBg)
		defer stop()
		b.ReportAllocs()
		for b.Loop() {
			c := make(chan int, 1)
			go func() {
				v, _ := benchOne(ctx)
				c <- v
			}()
			select {
			case <-c:
			case <-ctx.Done():
			}
		}
	})
	b.Run("task", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				_, _ = task.Go(ctx, benchOne).Wait(ctx)
			}
		})
	})
	b.Run("started", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				t := task.Start(ctx, func(_ context.Context, started func(int) error) (int, error) { return 1, started(1) })
				_, _ = t.WaitStarted(ctx)
			}
		})
	})
}

// BenchmarkTyped opens a scope, spawns 100 typed tasks and takes their results.
func BenchmarkTyped(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			results := make([]int, 100)
			var wg sync.WaitGroup
			for i := range results {
				wg.Go(func() { results[i], _ = benchOne(tkBg) })
			}
			wg.Wait()
		}
	})
	b.Run("task", func(b *testing.B) {
		telemetry(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					tasks := make([]*task.Task[int], 100)
					for i := range tasks {
						tasks[i] = task.Go(ctx, benchOne)
					}
					for _, t := range tasks {
						if _, err := t.Wait(ctx); err != nil {
							return err
						}
					}
					return nil
				})
			}
		})
	})
}

// BenchmarkCallback adds a callback and sets the future.
func BenchmarkCallback(b *testing.B) {
	b.ReportAllocs()
	call := func(*task.Future[int]) {}
	for b.Loop() {
		f := new(task.Future[int])
		f.AddDoneCallback(call)
		_ = f.SetResult(1)
	}
}
