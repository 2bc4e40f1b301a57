package guest_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	"github.com/corral-go/corral/testkit"
)

// leaveEarly starts a guest that waits and would wait long, and ends the host's
// loop under it.
func leaveEarly(t *testing.T, h *host, main func(context.Context) (int, error)) (g *guest.Guest[int], done *atomic.Pointer[guest.Outcome[int]]) {
	t.Helper()
	done = new(atomic.Pointer[guest.Outcome[int]])
	h.on(func() {
		var err error
		g, err = guest.Start(bg, h.host(), main, func(o guest.Outcome[int]) {
			require.True(t, done.CompareAndSwap(nil, &o), "done is called once")
		})
		require.NoError(t, err)
		h.loop()
	})
	return g, done
}

// A host that panics when it is asked is gone. Where the runtime allows it, what
// runs is cancelled with that, runs to its end and is joined.
func TestHostGone(t *testing.T) {
	testkit.Guard(t)
	for _, direct := range []bool{false, true} {
		h := newHost(false, direct)
		cleaned := 0
		g, done := leaveEarly(t, h, func(ctx context.Context) (int, error) {
			for range 10 {
				scope.Go(ctx, func(ctx context.Context) error {
					err := forever(ctx)
					require.ErrorIs(t, scope.CauseOf(ctx), errWhy)
					require.NoError(t, scope.Shielded(ctx, time.Hour, func(ctx context.Context) error {
						return scope.Sleep(ctx, time.Millisecond) // clean-up may wait
					}))
					cleaned++
					return err
				})
			}
			if err := scope.Checkpoint(ctx); err != nil {
				return 0, err
			}
			h.quit, h.shut = true, true
			return 0, forever(ctx)
		})
		g.Cancel(errWhy) // this brings it to light
		<-g.Done()
		require.Equal(t, 10, cleaned)
		require.ErrorIs(t, done.Load().Err, errWhy) // the first cause wins
		require.Empty(t, scope.Snapshots())
	}
}

// Without anybody's cancelling, the cause is that the host is gone.
func TestHostGoneIsTheCause(t *testing.T) {
	testkit.Guard(t)
	h := newHost(false, false)
	g, done := leaveEarly(t, h, func(ctx context.Context) (int, error) {
		h.quit = true
		h.mu.Lock()
		h.shut = true
		h.mu.Unlock()
		if err := scope.Sleep(ctx, time.Millisecond); err != nil {
			return 0, err
		}
		return 0, forever(ctx)
	})
	<-g.Done()
	requireCanceled(t, done.Load().Err, guest.ErrGone)
	require.ErrorContains(t, done.Load().Err, "the host has closed")
}

// A host that drops what it was to call is found out by the garbage collector.
// Main, which had not begun, does not begin.
func TestHostDropsACall(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		h.on(func() {
			var done atomic.Pointer[guest.Outcome[int]]
			g, err := guest.Start(bg, guest.Host{RunSyncSoonThreadsafe: func(func()) {}},
				func(context.Context) (int, error) { t.Error("main was called"); return 0, nil },
				func(o guest.Outcome[int]) { done.Store(&o) })
			require.NoError(t, err)
			collect(g.Done())
			require.ErrorIs(t, done.Load().Err, guest.ErrGone)
			require.Empty(t, scope.Snapshots())
		})
	})
}

// One that drops it later, when it has been at work, likewise: where the thread
// was not locked all is cancelled and joined, where it was it is lost.
//
// Unguarded: what is lost stays in a process of its own.
func TestHostDropsACallLater(t *testing.T) {
	if !alone(t) {
		return
	}
	hosts(t, func(t *testing.T, h *host) {
		g, done := leaveEarly(t, h, func(ctx context.Context) (int, error) {
			if err := scope.Checkpoint(ctx); err != nil {
				return 0, err
			}
			h.quit = true // and what comes is dropped below
			return 0, lostTask(ctx)
		})
		stop := make(chan struct{})
		go func() { // the one who has the queue, and clears it
			for {
				h.mu.Lock()
				h.queue = nil
				h.mu.Unlock()
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		}()
		defer close(stop)
		g.Cancel(errWhy) // a step becomes ready
		collect(g.Done())
		if h.locked {
			require.ErrorIs(t, done.Load().Err, guest.ErrGone)
			require.ErrorContains(t, done.Load().Err, "1 host tasks cannot go on")
		} else {
			requireCanceled(t, done.Load().Err, errWhy)
		}
		require.Empty(t, scope.Snapshots())
	})
}

func collect(until <-chan struct{}) {
	for {
		runtime.GC()
		runtime.Gosched()
		select {
		case <-until:
			return
		default:
		}
	}
}

// A host that only waits is not gone, however much is collected.
func TestHostIsNotGone(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			for range 20 {
				runtime.GC()
				if err := scope.Sleep(ctx, time.Microsecond); err != nil {
					return 0, err
				}
			}
			return 1, nil
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// lostTask is a host task that will never go on.
func lostTask(ctx context.Context) error { return forever(ctx) }

// If the host's thread was locked, its tasks can run nowhere else. done hears of
// it, what is on goroutines is joined, and nobody waits for ever. It runs in a
// process of its own: what is lost stays there.
//
// Unguarded: see there.
func TestLockedHostGone(t *testing.T) {
	if !alone(t) {
		return
	}
	invariant.Planted(t, "what a host task of a host that is gone has begun, nobody can end")
	h := newHost(true, false)
	release := make(chan struct{})
	var blocked atomic.Bool
	var g *guest.Guest[int]
	var done *atomic.Pointer[guest.Outcome[int]]
	err := scope.Run(bg, func(ctx context.Context) error { // the scope around it ends, too
		done = new(atomic.Pointer[guest.Outcome[int]])
		h.on(func() {
			var err error
			g, err = guest.Start(ctx, h.host(), func(ctx context.Context) (int, error) {
				scope.Go(ctx, lostTask)
				scope.Go(ctx, func(ctx context.Context) error {
					return lostIn(ctx, func() { <-release; blocked.Store(true) })
				})
				if err := scope.Checkpoint(ctx); err != nil {
					return 0, err
				}
				h.quit, h.shut = true, true
				return 0, lostTask(ctx)
			}, func(o guest.Outcome[int]) { done.Store(&o) })
			require.NoError(t, err)
			h.loop()
		})
		g.Cancel(nil)
		close(release)
		<-g.Done()
		return nil
	})
	require.NoError(t, err)
	require.True(t, blocked.Load())
	require.ErrorIs(t, done.Load().Err, guest.ErrGone)
	require.ErrorContains(t, done.Load().Err, "3 host tasks cannot go on")
	require.Empty(t, scope.Snapshots())
}

// lostName is set in the environment of a process that a test is alone in.
const lostName = "CORRAL_TEST_LOST"

// alone reports whether the process is for this test; if not, it has another
// process run the test.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(lostName) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), lostName+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "PASS")
	return false
}

// lostIn is a host task that is lost in a blocking call.
func lostIn(ctx context.Context, f func()) error {
	_, err := scope.Blocking(ctx, func() (int, error) { f(); return 0, nil })
	return err
}

// A panic of done is the host's to see; the run is over all the same.
func TestDonePanics(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		h.on(func() {
			g, err := guest.Start(bg, h.host(), nothing, func(guest.Outcome[int]) { panic("done") })
			require.NoError(t, err)
			require.PanicsWithValue(t, "done", h.loop)
			<-g.Done()
		})
		h.quit = false
		require.NoError(t, run(t, h, bg, nothing).Err)
	})
}
