package guest_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	"github.com/corral-go/corral/testkit"
)

var (
	bg      = context.Background()
	errBoom = errors.New("boom")
	errWhy  = errors.New("why")
)

// A host is a queue of callbacks and a loop that calls them: the host of Trio's
// own tests.
type host struct {
	locked bool // its goroutine is locked to its thread
	direct bool // it has a RunSyncSoonNotThreadsafe

	mu    sync.Mutex
	queue []func()
	bell  chan struct{}
	shut  bool // posting panics, as on a closed channel

	// The host's thread alone. That only guest code on that thread touches them,
	// the race detector sees.
	tid     int
	quit    bool
	touched int
	ticks   int
}

func newHost(locked, direct bool) *host {
	return &host{locked: locked, direct: direct, bell: make(chan struct{}, 1)}
}

func (h *host) post(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shut {
		panic("the host has closed")
	}
	h.queue = append(h.queue, fn)
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

func (h *host) host() guest.Host {
	g := guest.Host{RunSyncSoonThreadsafe: h.post}
	if h.direct {
		g.RunSyncSoonNotThreadsafe = h.post
	}
	return g
}

// touch is what only the host's thread may do.
func (h *host) touch(t *testing.T) {
	t.Helper()
	h.touched++
	if h.locked {
		require.Equal(t, h.tid, gettid(), "not on the host's thread")
	}
}

// loop calls what is posted until somebody sets quit.
func (h *host) loop() {
	h.tid = gettid()
	var batch []func()
	for !h.quit {
		<-h.bell
		h.mu.Lock()
		clear(batch)
		batch, h.queue = h.queue, batch[:0]
		h.mu.Unlock()
		for _, fn := range batch {
			h.ticks++
			fn()
		}
	}
}

// on calls f on what is the host's thread, and waits for it.
func (h *host) on(f func()) {
	if !h.locked {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	}()
	<-done
}

// run runs main as the guest of h to its end.
func run[T any](t *testing.T, h *host, ctx context.Context, main func(context.Context) (T, error)) guest.Outcome[T] { //nolint:revive // as in testing
	t.Helper()
	return drive(t, h, ctx, main, nil)
}

// drive is run with something to do on the host's thread before the loop.
func drive[T any](t *testing.T, h *host, ctx context.Context, main func(context.Context) (T, error), before func(*guest.Guest[T])) guest.Outcome[T] { //nolint:revive // as in testing
	t.Helper()
	var outs []guest.Outcome[T]
	var g *guest.Guest[T]
	h.on(func() {
		var err error
		h.tid = gettid()
		g, err = guest.Start(ctx, h.host(), main, func(o guest.Outcome[T]) {
			h.touch(t)
			outs = append(outs, o)
			h.quit = true
		})
		require.NoError(t, err)
		if before != nil {
			before(g)
		}
		h.loop()
	})
	<-g.Done()
	require.Len(t, outs, 1, "done is called once")
	require.Empty(t, h.queue, "nothing is left with the host")
	return outs[0]
}

// hosts runs a test with every kind of host, under a guard, unless it is alone.
func hosts(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	if os.Getenv(lostName) == "" {
		testkit.Guard(t)
	}
	for _, k := range []struct {
		name           string
		locked, direct bool
	}{{"queue", false, false}, {"queue-direct", false, true}, {"locked", true, false}, {"locked-direct", true, true}} {
		t.Run(k.name, func(t *testing.T) { test(t, newHost(k.locked, k.direct)) })
	}
}

// bubbles is hosts in virtual time.
func bubbles(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	hosts(t, func(t *testing.T, h *host) {
		synctest.Test(t, func(t *testing.T) { test(t, newHost(h.locked, h.direct)) })
	})
}

func forever(ctx context.Context) error { return scope.Sleep(ctx, 1000*time.Hour) }

func nothing(ctx context.Context) (int, error) { return 0, ctx.Err() }
