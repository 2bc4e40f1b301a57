package sync_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// inBody runs a benchmark in the body of a scope.
func inBody(b *testing.B, name string, f func(b *testing.B, ctx context.Context)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		_ = scope.Run(background, func(ctx context.Context) error { f(b, ctx); return nil })
	})
}

// BenchmarkUncontended acquires and releases on one goroutine, beside a channel
// of one, bare and in a select with ctx.Done.
func BenchmarkUncontended(b *testing.B) {
	inBody(b, "lock", func(b *testing.B, ctx context.Context) {
		l := csync.NewLock()
		for b.Loop() {
			_ = l.Acquire(ctx)
			_ = l.Release(ctx)
		}
	})
	inBody(b, "semaphore", func(b *testing.B, ctx context.Context) {
		s := csync.NewSemaphore(1)
		for b.Loop() {
			_ = s.Acquire(ctx)
			_ = s.Release()
		}
	})
	inBody(b, "limiter", func(b *testing.B, ctx context.Context) {
		l := csync.NewCapacityLimiter(1)
		for b.Loop() {
			_ = l.Acquire(ctx)
			_ = l.Release(ctx)
		}
	})
	inBody(b, "resource lock", func(b *testing.B, ctx context.Context) {
		r := csync.NewResourceLock[string]()
		for b.Loop() {
			_ = r.Acquire(ctx, "key")
			_ = r.Release(ctx, "key")
		}
	})
	inBody(b, "channel", func(b *testing.B, _ context.Context) {
		c := make(chan struct{}, 1)
		for b.Loop() {
			c <- struct{}{}
			<-c
		}
	})
	inBody(b, "channel, select", func(b *testing.B, ctx context.Context) {
		c := make(chan struct{}, 1)
		for b.Loop() {
			select {
			case c <- struct{}{}:
			case <-ctx.Done():
			}
			<-c
		}
	})
}

// BenchmarkContended acquires and releases in four tasks.
func BenchmarkContended(b *testing.B) {
	const tasks = 4
	run := func(name string, acquire, release func(ctx context.Context) error) {
		inBody(b, name, func(b *testing.B, ctx context.Context) {
			for b.Loop() {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					for range tasks {
						scope.Go(ctx, func(ctx context.Context) error {
							for range 100 {
								_ = acquire(ctx)
								runtime.Gosched()
								_ = release(ctx)
							}
							return nil
						})
					}
					return nil
				})
			}
		})
	}
	l := csync.NewLock()
	run("lock", l.Acquire, l.Release)
	s := csync.NewSemaphore(1)
	run("semaphore", s.Acquire, func(context.Context) error { return s.Release() })
	c := make(chan struct{}, 1)
	run("channel, select", func(ctx context.Context) error {
		select {
		case c <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, func(context.Context) error { <-c; return nil })
}

// BenchmarkEvent sets an event that n tasks wait for, until all have gone on,
// beside closing a channel that they have in a select with ctx.Done.
func BenchmarkEvent(b *testing.B) {
	inBody(b, "set/queue", func(b *testing.B, ctx context.Context) {
		e := csync.NewEvent()
		for b.Loop() {
			e.Set()
			_ = e.Wait(ctx)
			e.Clear()
		}
	})
	for _, n := range []int{1, 100, 10_000} {
		wake := func(name string, fresh func() (wait func(context.Context), set func())) {
			inBody(b, name+"/"+strconv.Itoa(n), func(b *testing.B, ctx context.Context) {
				for b.Loop() {
					b.StopTimer()
					wait, set := fresh()
					var ready, done sync.WaitGroup
					ready.Add(n)
					done.Add(n)
					for range n {
						scope.Go(ctx, func(ctx context.Context) error {
							ready.Done()
							wait(ctx)
							done.Done()
							return nil
						})
					}
					ready.Wait()
					for range 2 * n {
						runtime.Gosched()
					}
					b.StartTimer()
					set()
					done.Wait()
				}
			})
		}
		wake("event", func() (func(context.Context), func()) {
			e := csync.NewEvent()
			return func(ctx context.Context) { _ = e.Wait(ctx) }, e.Set
		})
		wake("channel", func() (func(context.Context), func()) {
			c := make(chan struct{})
			return func(ctx context.Context) {
				select {
				case <-c:
				case <-ctx.Done():
				}
			}, func() { close(c) }
		})
	}
}
