package monitor

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/corral-go/corral/scope"
)

// One measurement, and one reading of the window.
func BenchmarkTurn(b *testing.B) {
	c := newClock()
	b.ReportAllocs()
	for b.Loop() {
		c.turns(1, 11*ms)
	}
}

func BenchmarkResult(b *testing.B) {
	c := newClock()
	c.turns(6000, 11*ms)
	b.ReportAllocs()
	for b.Loop() {
		_ = c.result()
	}
}

// A task, while nobody wants labels and while somebody does.
func BenchmarkTaskLabel(b *testing.B) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		b.Run(name, func(b *testing.B) {
			if on {
				defer label()()
			}
			b.ReportAllocs()
			_ = scope.Run(context.Background(), func(ctx context.Context) error {
				for b.Loop() {
					_ = scope.Go(ctx, func(context.Context) error { return nil }).Wait(ctx)
				}
				return nil
			})
		})
	}
}

// A dump of 100,000 tasks that look alike.
func BenchmarkDump(b *testing.B) {
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		for range 100_000 {
			scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, scope.Background())
		}
		b.ReportAllocs()
		for b.Loop() {
			_ = Dump(io.Discard)
		}
		return nil
	})
}
