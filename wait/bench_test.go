package wait_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/wait"
)

// inScope runs a benchmark in the body of a scope, with no SDK, below a parent
// that is not sampled, and below one that is.
func inScope(b *testing.B, f func(b *testing.B, ctx context.Context)) {
	run := func(b *testing.B, ctx context.Context) {
		b.ReportAllocs()
		_ = scope.Run(ctx, func(ctx context.Context) error { f(b, ctx); return nil })
	}
	b.Run("off", func(b *testing.B) { run(b, bg) })
	for _, m := range []struct {
		name    string
		sampler trace.Sampler
	}{{"unsampled", trace.NeverSample()}, {"sampled", trace.AlwaysSample()}} {
		b.Run(m.name, func(b *testing.B) {
			ctx, span := trace.NewTracerProvider(trace.WithSampler(m.sampler)).Tracer("bench").Start(bg, "request")
			defer span.End()
			run(b, ctx)
		})
	}
}

// BenchmarkWaitDone waits for the first of n futures that are all done.
func BenchmarkWaitDone(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		fs := make([]*task.Future[int], n)
		for i := range fs {
			fs[i] = new(task.Future[int])
			_ = fs[i].SetResult(1)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inScope(b, func(b *testing.B, ctx context.Context) {
				for b.Loop() {
					_, _, _ = wait.Wait(ctx, fs, wait.FirstCompleted)
				}
			})
		})
	}
}

// BenchmarkFirstCompleted waits until one of n is done that another task sets;
// the others last. Beside it: a select over two channels of one and ctx.
func BenchmarkFirstCompleted(b *testing.B) {
	b.Run("channels", func(b *testing.B) {
		ctx, stop := plain()
		defer stop()
		ask := make(chan chan int)
		defer close(ask)
		go func() {
			for c := range ask {
				c <- 1
			}
		}()
		lasting := make(chan int, 1)
		b.ReportAllocs()
		for b.Loop() {
			c := make(chan int, 1)
			ask <- c
			select {
			case <-c:
			case <-lasting:
			case <-ctx.Done():
			}
		}
	})
	for _, n := range []int{2, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inScope(b, func(b *testing.B, ctx context.Context) {
				ask := make(chan *task.Future[int])
				defer close(ask)
				scope.Go(ctx, func(context.Context) error {
					for f := range ask {
						_ = f.SetResult(1)
					}
					return nil
				})
				fs := make([]*task.Future[int], n)
				for i := range fs {
					fs[i] = new(task.Future[int])
				}
				for b.Loop() {
					fs[0] = new(task.Future[int])
					ask <- fs[0]
					_, _, _ = wait.Wait(ctx, fs, wait.FirstCompleted)
				}
			})
		})
	}
}

// BenchmarkAsCompleted goes through 100 tasks as they end. Beside it: 100
// goroutines send what they have to one channel, and select takes it.
func BenchmarkAsCompleted(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		ctx, stop := plain()
		defer stop()
		b.ReportAllocs()
		for b.Loop() {
			results := make(chan int, 100)
			for i := range 100 {
				go func() { results <- i }()
			}
			for range 100 {
				select {
				case <-results:
				case <-ctx.Done():
				}
			}
		}
	})
	b.Run("tasks", func(b *testing.B) {
		inScope(b, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				tasks := make([]*task.Task[int], 100)
				for i := range tasks {
					tasks[i] = task.Go(ctx, quick)
				}
				for range wait.AsCompleted(ctx, tasks) {
				}
			}
		})
	})
}

func quick(context.Context) (int, error) { return 1, nil }

// BenchmarkAll runs n functions and takes their results; beside it bare
// goroutines with a WaitGroup do.
func BenchmarkAll(b *testing.B) {
	for _, n := range []int{2, 100} {
		fns := slices.Repeat([]func(context.Context) (int, error){quick}, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.Run("bare", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					results := make([]int, n)
					var wg sync.WaitGroup
					for i, f := range fns {
						wg.Go(func() { results[i], _ = f(bg) })
					}
					wg.Wait()
				}
			})
			inScope(b, func(b *testing.B, ctx context.Context) {
				for b.Loop() {
					_, _ = wait.All(ctx, fns...)
				}
			})
		})
	}
}

// BenchmarkRace runs two functions of which one waits until it has lost. Beside
// it: two goroutines, a channel of one and a context, cancelled and joined.
func BenchmarkRace(b *testing.B) {
	loser := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() } //nolint:wrapcheck // it is the cancellation
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, stop := plain()
			first := make(chan int, 1)
			var wg sync.WaitGroup
			for _, f := range []fn{loser, quick} {
				wg.Go(func() {
					v, _ := f(ctx)
					select {
					case first <- v:
					default:
					}
				})
			}
			<-first
			stop()
			wg.Wait()
		}
	})
	inScope(b, func(b *testing.B, ctx context.Context) {
		for b.Loop() {
			_, _ = wait.Race(ctx, loser, quick)
		}
	})
}

// BenchmarkMap calls a function for 1,000 items, 8 at once; beside it 8
// goroutines take the items from a channel.
func BenchmarkMap(b *testing.B) {
	items := make([]int, 1000)
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			results := make([]int, len(items))
			next := make(chan int)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for i := range next {
						results[i], _ = double(bg, items[i])
					}
				})
			}
			for i := range items {
				next <- i
			}
			close(next)
			wg.Wait()
		}
	})
	inScope(b, func(b *testing.B, ctx context.Context) {
		for b.Loop() {
			_, _ = wait.Map(ctx, slices.Values(items), 8, double)
		}
	})
}
