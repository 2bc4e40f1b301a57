package guest_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

func TestValue(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		began := false
		out := drive(t, h, bg, func(context.Context) (string, error) {
			h.touch(t)
			began = true
			return "here", nil
		}, func(*guest.Guest[string]) {
			require.False(t, began, "Start returns before main's first instruction")
		})
		require.Equal(t, guest.Outcome[string]{Value: "here"}, out)
	})
}

func TestError(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(context.Context) (int, error) { return 1, errBoom })
		require.ErrorIs(t, out.Err, errBoom)
		require.IsType(t, new(scope.Error), out.Err)
		require.Zero(t, out.Value)
	})
}

// A panic of main, or of a task, is an error for done (R34).
func TestPanic(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(context.Context) (int, error) { panic("main") })
		var p *scope.PanicError
		require.ErrorAs(t, out.Err, &p)
		require.Equal(t, "main", p.Value)
		require.Contains(t, string(p.Stack), "TestPanic")
	})
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			scope.Go(ctx, func(context.Context) error { panic("task") })
			return 0, forever(ctx)
		})
		var p *scope.PanicError
		require.ErrorAs(t, out.Err, &p)
		require.Equal(t, "task", p.Value)
	})
}

// Goexit ends a host task, and not the host (R35).
func TestGoexit(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		cleaned := 0
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			child := scope.Go(ctx, func(ctx context.Context) error {
				defer func() { cleaned++ }()
				_ = scope.Checkpoint(ctx)
				runtime.Goexit()
				return nil
			})
			require.ErrorIs(t, child.Wait(ctx), scope.ErrGoexit)
			return 0, nil
		})
		require.ErrorIs(t, out.Err, scope.ErrGoexit)
		require.Equal(t, 1, cleaned)
	})
	hosts(t, func(t *testing.T, h *host) { // in main; no failure is lost
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			scope.Go(ctx, func(context.Context) error { return errBoom })
			defer func() { cleanedUp(t, ctx) }()
			runtime.Goexit()
			return 0, nil
		})
		require.ErrorIs(t, out.Err, scope.ErrGoexit)
		require.ErrorIs(t, out.Err, errBoom)
	})
}

// cleanedUp waits in a deferred call while Goexit goes on.
func cleanedUp(t *testing.T, ctx context.Context) { //nolint:revive // as in testing
	require.NoError(t, scope.Shielded(ctx, time.Hour, func(ctx context.Context) error { return scope.Sleep(ctx, time.Millisecond) }))
}

// Cancel from the host's thread, before main began and while it waits; the
// outcome is the cancellation.
func TestCancelFromTheHost(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := drive(t, h, bg, func(ctx context.Context) (int, error) { return 1, forever(ctx) },
			func(g *guest.Guest[int]) { g.Cancel(errWhy) })
		requireCanceled(t, out.Err, errWhy)
	})
	hosts(t, func(t *testing.T, h *host) {
		var g *guest.Guest[int]
		out := drive(t, h, bg, func(ctx context.Context) (int, error) {
			h.post(func() { g.Cancel(errWhy) })
			return 1, forever(ctx)
		}, func(it *guest.Guest[int]) { g = it })
		requireCanceled(t, out.Err, errWhy)
	})
}

func TestCancelFromElsewhere(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		out := drive(t, h, bg, func(ctx context.Context) (int, error) { return 1, forever(ctx) },
			func(g *guest.Guest[int]) { time.AfterFunc(time.Hour, func() { g.Cancel(nil) }) })
		e := requireCanceled(t, out.Err, nil)
		require.Contains(t, e.Reason.Error(), "TestCancelFromElsewhere")
	})
}

// The ctx of Start cancels too, and its values come through.
func TestCancelByContext(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		type key struct{}
		ctx, cancel := context.WithTimeoutCause(context.WithValue(bg, key{}, 7), time.Minute, errWhy)
		defer cancel()
		out := run(t, h, ctx, func(ctx context.Context) (int, error) {
			require.Equal(t, 7, ctx.Value(key{}))
			return 0, forever(ctx)
		})
		var e *scope.CanceledError
		require.ErrorAs(t, out.Err, &e)
		require.Equal(t, scope.KindContext, e.Kind)
		require.ErrorIs(t, out.Err, errWhy)
	})
}

// From within: main cancels its own scope, and ends as Run does (R17); a value
// beats a cancel request (R38).
func TestCancelFromWithin(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			scope.From(ctx).Cancel(errWhy)
			return 1, forever(ctx)
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
	hosts(t, func(t *testing.T, h *host) {
		out := drive(t, h, bg, func(ctx context.Context) (int, error) {
			require.Error(t, scope.Sleep(ctx, time.Hour))
			return 5, nil
		}, func(g *guest.Guest[int]) { g.Cancel(errWhy) })
		require.Equal(t, guest.Outcome[int]{Value: 5}, out)
	})
}

func requireCanceled(t *testing.T, err, reason error) *scope.CanceledError {
	t.Helper()
	e, ok := err.(*scope.CanceledError)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, scope.KindExplicit, e.Kind)
	if reason != nil {
		require.ErrorIs(t, e, reason)
	}
	return e
}

// A deadline is moved, from the host's thread, while a host task sleeps under it.
func TestDeadlineMovedWhileAsleep(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		start := time.Now()
		out := run(t, h, bg, func(ctx context.Context) (time.Duration, error) {
			s := scope.New(scope.MovableDeadline(start.Add(time.Hour)), scope.MoveOn())
			h.post(func() { require.NoError(t, s.SetDeadline(start.Add(time.Minute))) })
			err := s.Run(ctx, forever)
			require.True(t, s.CancelCaught())
			return time.Since(start), err
		})
		require.Equal(t, guest.Outcome[time.Duration]{Value: time.Minute}, out)
	})
}

// The host wakes a task, and a task wakes the host.
func TestHostAndTaskWakeEachOther(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		var log []string
		run(t, h, bg, func(ctx context.Context) (int, error) {
			var e task.Future[int]
			answer := csync.NewQueue[string](0)
			h.post(func() { // an event of the host's
				log = append(log, "host sets")
				require.NoError(t, e.SetResult(1))
				require.NoError(t, answer.TryPut(bg, "early"))
			})
			_, err := e.Wait(ctx)
			require.NoError(t, err)
			log = append(log, "task woke")
			v, err := answer.Get(ctx)
			require.NoError(t, err)
			h.post(func() { log = append(log, "host woke") })
			for len(log) < 3 {
				require.NoError(t, scope.Checkpoint(ctx)) // the host has its turn in between
			}
			log = append(log, v)
			return 0, nil
		})
		require.Equal(t, []string{"host sets", "task woke", "host woke", "early"}, log)
	})
}

// R86: bad input is refused before anything starts.
func TestStartRefuses(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		done := func(guest.Outcome[int]) { t.Error("done was called") }
		main := func(context.Context) (int, error) { t.Error("main was called"); return 0, nil }
		for name, start := range map[string]func() (*guest.Guest[int], error){
			"nil ctx":  func() (*guest.Guest[int], error) { return guest.Start(nil, h.host(), main, done) },
			"nil main": func() (*guest.Guest[int], error) { return guest.Start[int](bg, h.host(), nil, done) },
			"nil done": func() (*guest.Guest[int], error) { return guest.Start(bg, h.host(), main, nil) },
			"nil host": func() (*guest.Guest[int], error) { return guest.Start(bg, guest.Host{}, main, done) },
		} {
			h.on(func() {
				g, err := start()
				require.ErrorContains(t, err, "scope/guest: ", name)
				require.Nil(t, g, name)
				require.Empty(t, h.queue, name)
				require.Empty(t, scope.Snapshots(), name)
			})
		}
		require.NoError(t, run(t, h, bg, nothing).Err, "the host is free")
	})
}

// A host that panics when it is first asked makes Start fail; nothing is left.
func TestStartFails(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		h.shut = true
		h.on(func() {
			g, err := guest.Start(bg, h.host(), nothing, func(guest.Outcome[int]) { t.Error("done was called") })
			require.ErrorIs(t, err, guest.ErrGone)
			require.ErrorContains(t, err, "the host has closed")
			require.Nil(t, g)
			require.Empty(t, scope.Snapshots())
		})
		h.shut = false
		require.NoError(t, run(t, h, bg, nothing).Err)
	})
}

// R86: a second guest is refused, wherever Start is called and however the same
// host is put together; when the first has ended, the host is free, in done too.
func TestSecondGuest(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		var again bool
		second := func() error {
			_, err := guest.Start(bg, h.host(), nothing, func(guest.Outcome[int]) { h.quit, again = true, true })
			return err
		}
		h.on(func() {
			g, err := guest.Start(bg, h.host(), func(ctx context.Context) (int, error) {
				require.ErrorIs(t, second(), guest.ErrInUse)
				return 0, nil
			}, func(guest.Outcome[int]) { require.NoError(t, second()) })
			require.NoError(t, err)
			require.ErrorIs(t, second(), guest.ErrInUse)
			other := newHost(false, false)
			require.NoError(t, run(t, other, bg, nothing).Err) // another host of the same kind
			h.loop()
			<-g.Done()
		})
		require.True(t, again)
	})
}

// What Start is given as a literal is one host, whatever it captures.
func TestSecondGuestOfAClosure(t *testing.T) {
	testkit.Guard(t)
	var queue []func()
	soon := func(fn func()) { queue = append(queue, fn) }
	g, err := guest.Start(bg, guest.Host{RunSyncSoonThreadsafe: soon}, nothing, func(guest.Outcome[int]) {})
	require.NoError(t, err)
	_, err = guest.Start(bg, guest.Host{RunSyncSoonThreadsafe: soon}, nothing, func(guest.Outcome[int]) {})
	require.ErrorIs(t, err, guest.ErrInUse)
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		fn()
	}
	<-g.Done()
}

func TestThousandTasks(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			n := 0
			for range 1000 {
				scope.Go(ctx, func(ctx context.Context) error {
					h.touch(t)
					err := scope.Sleep(ctx, time.Millisecond)
					h.touch(t)
					n++
					return err
				})
			}
			for n < 1000 {
				if err := scope.Checkpoint(ctx); err != nil {
					return n, err
				}
			}
			return n, nil
		})
		require.Equal(t, guest.Outcome[int]{Value: 1000}, out)
		require.Equal(t, 2001, h.touched)
	})
}

// Items go from goroutine tasks to host tasks and back, each once.
func TestQueueBetweenHostAndGoroutines(t *testing.T) {
	n := invariant.Few(100_000)
	if testing.Short() {
		n = min(n, 5_000) // where there is no assembly for package gid, each step takes long
	}
	hosts(t, func(t *testing.T, h *host) {
		there, back := csync.NewQueue[int](64), csync.NewQueue[int](0)
		seen := make([]bool, n)
		err := scope.Run(bg, func(ctx context.Context) error {
			outer := scope.From(ctx)
			scope.Go(ctx, func(ctx context.Context) error { // on a goroutine
				for i := range n {
					if err := there.Put(ctx, i); err != nil {
						return err
					}
				}
				there.Close()
				return nil
			})
			scope.Go(ctx, func(ctx context.Context) error { // on another
				for {
					i, err := back.Get(ctx)
					if err != nil {
						require.ErrorIs(t, err, csync.ErrQueueClosed)
						return nil
					}
					require.False(t, seen[i])
					seen[i] = true
				}
			})
			out := run(t, h, ctx, func(ctx context.Context) (int, error) {
				require.NotSame(t, outer, scope.From(ctx))
				for {
					i, err := there.Get(ctx)
					if err != nil {
						require.ErrorIs(t, err, csync.ErrQueueClosed)
						break
					}
					h.touch(t)
					if err := back.Put(ctx, i); err != nil {
						return i, err
					}
				}
				back.Close()
				return 0, nil
			})
			return out.Err
		})
		require.NoError(t, err)
		require.NotContains(t, seen, false)
		require.Equal(t, n+1, h.touched)
	})
}
