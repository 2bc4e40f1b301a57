package park_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/testkit"
)

// thread runs coroutines, one at a time, on the goroutine that calls run. Only
// that goroutine asks where it is, or others do while none runs.
type thread struct {
	calls   sync.WaitGroup
	running atomic.Pointer[coroutine]

	mu    sync.Mutex
	ready []*coroutine
	kick  chan struct{}
}

type coroutine struct {
	on    *thread
	next  func() (struct{}, bool)
	yield func(struct{}) bool
}

func (c *coroutine) Suspend()               { c.yield(struct{}{}) }
func (c *coroutine) Calls() *sync.WaitGroup { return &c.on.calls }
func (c *coroutine) Resume() {
	c.on.mu.Lock()
	defer c.on.mu.Unlock()
	c.on.ready = append(c.on.ready, c)
	select {
	case c.on.kick <- struct{}{}:
	default:
	}
}

func newThread(t *testing.T) *thread {
	th := &thread{kick: make(chan struct{}, 1)}
	park.SetCurrent(func() park.Coroutine {
		if c := th.running.Load(); c != nil {
			return c
		}
		return nil
	})
	t.Cleanup(func() { park.SetCurrent(nil) })
	return th
}

// start makes f a coroutine with s as its strand.
func (th *thread) start(s *strand, f func()) {
	c := &coroutine{on: th}
	s.Bind(c)
	c.next, _ = iter.Pull(func(yield func(struct{}) bool) { c.yield = yield; f() })
	c.Resume()
}

// tick runs what is ready.
func (th *thread) tick() {
	th.mu.Lock()
	batch := th.ready
	th.ready = nil
	th.mu.Unlock()
	for _, c := range batch {
		th.running.Store(c)
		c.next()
		th.running.Store(nil)
	}
}

// run ticks for as long as somebody is ready, or will be before quit is closed.
func (th *thread) run(quit <-chan struct{}) {
	for {
		select {
		case <-th.kick:
			th.tick()
		case <-quit:
			return
		}
	}
}

// One primitive serves goroutines and coroutines, and a coroutine that waits
// does not hold up its thread.
func TestCoroutineWaits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		th, g := newThread(t), new(gate)
		var log []string
		for _, name := range []string{"a", "b"} {
			s := newStrand(context.Background())
			th.start(s, func() {
				log = append(log, name+" waits")
				require.NoError(t, g.acquire(s.Place.Ctx))
				log = append(log, name+" has it")
			})
		}
		th.tick()
		require.Equal(t, []string{"a waits", "b waits"}, log)
		g.release()
		g.release()
		th.tick()
		require.Equal(t, []string{"a waits", "b waits", "a has it", "b has it"}, log)
	})
}

// R3, R5: a poke, a derived context, a plain one and a time limit end the wait
// of a coroutine, and leave nothing behind.
func TestCoroutineStops(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		th := newThread(t)
		quit := make(chan struct{})
		go th.run(quit)
		s := newStrand(context.Background())
		derived, cancelDerived := context.WithCancelCause(s.Place.Ctx)
		plain, cancelPlain := context.WithCancelCause(context.Background())
		for _, c := range []struct {
			ctx    context.Context
			cancel func(error)
		}{{derived, cancelDerived}, {plain, cancelPlain}, {s.Place.Ctx, s.stop}} {
			g := new(gate)
			var err error
			th.start(s, func() { err = g.acquire(c.ctx) })
			synctest.Wait()
			require.Equal(t, 1, g.line.Len())
			c.cancel(errStop)
			synctest.Wait()
			require.ErrorIs(t, err, errStop)
			require.Zero(t, g.line.Len())
		}
		close(quit)
		th.calls.Wait()
	})
}

func TestCoroutineSleeps(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		th, s, g := newThread(t), newStrand(context.Background()), new(gate)
		quit := make(chan struct{})
		start := time.Now()
		th.start(s, func() {
			defer close(quit)
			require.NoError(t, park.Sleep(s.Place.Ctx, time.Second, g))
			require.Equal(t, time.Second, time.Since(start))
			time.AfterFunc(time.Minute, func() { s.stop(errStop) })
			require.ErrorIs(t, park.Sleep(s.Place.Ctx, time.Hour, g), errStop)
			require.Equal(t, time.Second+time.Minute, time.Since(start))
		})
		th.run(quit)
		th.calls.Wait()
	})
}

// A time limit that is over in the instant of the hand-over takes nothing, and
// an alarm that was stopped does not end a later wait.
func TestCoroutineTimeLimit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		th, s, g := newThread(t), newStrand(context.Background()), new(gate)
		quit := make(chan struct{})
		th.start(s, func() {
			defer close(quit)
			var op park.Op
			require.NoError(t, op.Begin(s.Place.Ctx))
			for i := range 3 {
				if i == 1 {
					time.AfterFunc(time.Second/2, g.release)
				}
				g.mu.Lock()
				timedOut, err := op.WaitFor(&g.mu, &g.line, new(park.Ticket), g, time.Second)
				require.NoError(t, err)
				require.Equal(t, i != 1, timedOut)
				require.Zero(t, g.line.Len())
			}
			start := time.Now()
			require.NoError(t, park.Sleep(s.Place.Ctx, time.Minute, g))
			require.Equal(t, time.Minute, time.Since(start))
		})
		th.run(quit)
		th.calls.Wait()
	})
}

// Pass goes to the end of the line.
func TestCoroutinePasses(t *testing.T) {
	testkit.Guard(t)
	th := newThread(t)
	var log []int
	for i := range 2 {
		th.start(newStrand(context.Background()), func() {
			for range 2 {
				log = append(log, i)
				park.Pass()
			}
		})
	}
	for range 3 {
		th.tick()
	}
	require.Equal(t, []int{0, 1, 0, 1}, log)
}

// A coroutine that waits with a ctx that is not its own parks all the same, and
// leaves the strand of that ctx alone.
func TestCoroutineWithAnothersContext(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		th, g := newThread(t), new(gate)
		a, b := newStrand(context.Background()), newStrand(context.Background())
		ended := 0
		for _, ctx := range []context.Context{a.Place.Ctx, b.Place.Ctx, context.Background()} {
			th.start(a, func() { require.NoError(t, g.acquire(ctx)); ended++ })
		}
		th.tick()
		require.Equal(t, 3, g.line.Len())
		what, _, _ := b.Waiting()
		require.Nil(t, what)
		for range 3 {
			g.release()
		}
		th.tick()
		require.Equal(t, 3, ended)
	})
}

// A goroutine may not wait with the ctx of a coroutine, and is told so before
// anything has changed; where that comes too late to be told, it waits for
// itself.
func TestCoroutineContextElsewhere(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		th, g := newThread(t), new(gate)
		s := newStrand(context.Background())
		th.start(s, func() { require.NoError(t, g.acquire(s.Place.Ctx)) })
		th.tick()
		var op park.Op
		require.Panics(t, func() { _ = op.Begin(s.Place.Ctx) })
		require.Panics(t, func() { _ = park.Sleep(s.Place.Ctx, time.Second, g) })
		var ended atomic.Bool
		go func() { require.NoError(t, g.acquire(s.Place.Ctx)); ended.Store(true) }()
		synctest.Wait()
		g.release()
		th.tick()
		require.False(t, ended.Load())
		g.release()
		synctest.Wait()
		require.True(t, ended.Load())

		s.stop(errStop)
		require.ErrorIs(t, op.Begin(s.Place.Ctx), errStop) // it would not have waited
	})
}

// R3: a hand-over, a time limit, a cancellation and what is left of earlier
// waits, all in the same instant: no permit is lost or made. A real race.
func TestCoroutineHandOverStorm(t *testing.T) {
	testkit.Guard(t)
	th, s, g := newThread(t), newStrand(context.Background()), new(gate)
	quit := make(chan struct{})
	got, released := 0, 0
	var releases sync.WaitGroup
	th.start(s, func() {
		defer close(quit)
		for range 3000 {
			ctx, cancel := context.WithCancel(s.Place.Ctx)
			var op park.Op
			require.NoError(t, op.Begin(ctx))
			g.mu.Lock()
			if g.permits > 0 {
				g.permits--
				got++
				g.mu.Unlock()
				cancel()
				continue
			}
			released++
			releases.Add(2)
			go func() { defer releases.Done(); g.release() }()
			go func() { defer releases.Done(); cancel() }()
			timedOut, err := op.WaitFor(&g.mu, &g.line, new(park.Ticket), g, time.Nanosecond)
			if !timedOut && err == nil {
				got++
			}
		}
	})
	th.run(quit)
	releases.Wait()
	th.calls.Wait()
	require.Zero(t, g.line.Len())
	require.Equal(t, released, got+g.permits)
}
