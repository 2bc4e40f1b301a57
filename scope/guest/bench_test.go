package guest_test

import (
	"context"
	"iter"
	"testing"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	csync "github.com/corral-go/corral/sync"
)

// in runs a benchmark as main of a guest on each kind of host.
func in(b *testing.B, main func(ctx context.Context, b *testing.B) error) {
	for _, k := range []struct {
		name           string
		locked, direct bool
	}{{"queue", false, true}, {"locked", true, true}, {"locked-threadsafe", true, false}} {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			h := newHost(k.locked, k.direct)
			var g *guest.Guest[int]
			h.on(func() {
				var err error
				g, err = guest.Start(bg, h.host(), func(ctx context.Context) (int, error) { return 0, main(ctx, b) },
					func(o guest.Outcome[int]) {
						h.quit = true
						if o.Err != nil {
							b.Error(o.Err)
						}
					})
				if err != nil {
					b.Fatal(err)
				}
				h.loop()
			})
			<-g.Done()
		})
	}
}

// BenchmarkSwitch is one step: from the host's loop into a host task and back.
// Beside it, what the runtime takes for that.
func BenchmarkSwitch(b *testing.B) {
	b.Run("iter.Pull", func(b *testing.B) {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		defer stop()
		for b.Loop() {
			next()
		}
	})
	in(b, func(ctx context.Context, b *testing.B) error {
		for b.Loop() {
			if err := scope.Checkpoint(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkSwitchOfMany is the same with 100 host tasks that share ticks.
func BenchmarkSwitchOfMany(b *testing.B) {
	in(b, func(ctx context.Context, b *testing.B) error {
		over := false
		for range 99 {
			scope.Go(ctx, func(ctx context.Context) error {
				for !over {
					if err := scope.Checkpoint(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		n := 0
		for b.Loop() {
			if n++; n%100 == 0 { // the others had their turns
				if err := scope.Checkpoint(ctx); err != nil {
					return err
				}
			}
		}
		over = true
		return nil
	})
}

// BenchmarkSpawn is a task, from its spawn until it was waited for.
func BenchmarkSpawn(b *testing.B) {
	spawn := func(ctx context.Context, b *testing.B) error {
		for b.Loop() {
			if err := scope.Go(ctx, func(context.Context) error { return nil }).Wait(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	b.Run("goroutine", func(b *testing.B) {
		b.ReportAllocs()
		if err := scope.Run(bg, func(ctx context.Context) error { return spawn(ctx, b) }); err != nil {
			b.Fatal(err)
		}
	})
	in(b, spawn)
}

// BenchmarkHandOver is an item through a queue of one, with a wait on each side:
// between two host tasks, between a host task and a goroutine task, and between
// two goroutine tasks.
func BenchmarkHandOver(b *testing.B) {
	pingPong := func(ctx context.Context, b *testing.B, q *csync.Queue[int]) error {
		for b.Loop() {
			if err := q.Put(ctx, 1); err != nil {
				return err
			}
		}
		q.Close()
		return nil
	}
	drain := func(q *csync.Queue[int]) func(context.Context) error {
		return func(ctx context.Context) error {
			for {
				if _, err := q.Get(ctx); err != nil {
					return ctx.Err() // closed
				}
			}
		}
	}
	b.Run("host-host", func(b *testing.B) {
		in(b, func(ctx context.Context, b *testing.B) error {
			q := csync.NewQueue[int](1)
			scope.Go(ctx, drain(q))
			return pingPong(ctx, b, q)
		})
	})
	b.Run("host-goroutine", func(b *testing.B) {
		if err := scope.Run(bg, func(ctx context.Context) error {
			outer := scope.From(ctx)
			in(b, func(ctx context.Context, b *testing.B) error {
				q := csync.NewQueue[int](1)
				scope.Go(ctx, drain(q), scope.In(outer))
				return pingPong(ctx, b, q)
			})
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("goroutine-goroutine", func(b *testing.B) {
		b.ReportAllocs()
		if err := scope.Run(bg, func(ctx context.Context) error {
			q := csync.NewQueue[int](1)
			scope.Go(ctx, drain(q))
			return pingPong(ctx, b, q)
		}); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkHop is a goroutine that has something done on the host's thread and
// waits for it: with RunOnHost, and by hand, with two channels.
func BenchmarkHop(b *testing.B) {
	b.Run("RunOnHost", func(b *testing.B) {
		in(b, func(ctx context.Context, b *testing.B) error {
			_, err := scope.Blocking(ctx, func() (int, error) {
				for b.Loop() {
					if _, err := guest.RunOnHost(ctx, func() (int, error) { return 1, nil }); err != nil {
						return 0, err
					}
				}
				return 0, nil
			})
			return err
		})
	})
	for _, locked := range []bool{false, true} {
		name := map[bool]string{false: "channels/queue", true: "channels/locked"}[locked]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			h := newHost(locked, false)
			over := make(chan struct{})
			go func() {
				defer close(over)
				h.on(h.loop)
			}()
			ran := make(chan int)
			for b.Loop() {
				h.post(func() { ran <- 1 })
				<-ran
			}
			h.post(func() { h.quit = true })
			<-over
		})
	}
}
