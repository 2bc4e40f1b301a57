package sync_test

import (
	"context"
	"testing"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// BenchmarkQueue puts and gets one item on one goroutine, beside a channel in a
// select with ctx.Done.
func BenchmarkQueue(b *testing.B) {
	b.Run("queue", func(b *testing.B) {
		b.ReportAllocs()
		_ = scope.Run(background, func(ctx context.Context) error {
			q := csync.NewQueue[int](64)
			for b.Loop() {
				_ = q.Put(ctx, 1)
				_, _ = q.Get(ctx)
			}
			return nil
		})
	})
	b.Run("channel", func(b *testing.B) {
		b.ReportAllocs()
		_ = scope.Run(background, func(ctx context.Context) error {
			c := make(chan int, 64)
			for b.Loop() {
				select {
				case c <- 1:
				case <-ctx.Done():
				}
				select {
				case <-c:
				case <-ctx.Done():
				}
			}
			return nil
		})
	})
}

// BenchmarkQueueHandOver passes items from one task to another.
func BenchmarkQueueHandOver(b *testing.B) {
	for name, size := range map[string]int{"1": 1, "64": 64} {
		b.Run("queue/"+name, func(b *testing.B) {
			b.ReportAllocs()
			_ = scope.Run(background, func(ctx context.Context) error {
				q := csync.NewQueue[int](size)
				scope.Go(ctx, func(ctx context.Context) error {
					for {
						if _, err := q.Get(ctx); err != nil {
							return nil
						}
					}
				})
				for b.Loop() {
					_ = q.Put(ctx, 1)
				}
				q.Close()
				return nil
			})
		})
		b.Run("channel/"+name, func(b *testing.B) {
			_ = scope.Run(background, func(ctx context.Context) error {
				c := make(chan int, size)
				scope.Go(ctx, func(ctx context.Context) error {
					for {
						select {
						case _, ok := <-c:
							if !ok {
								return nil
							}
						case <-ctx.Done():
						}
					}
				})
				for b.Loop() {
					select {
					case c <- 1:
					case <-ctx.Done():
					}
				}
				close(c)
				return nil
			})
		})
	}
}
