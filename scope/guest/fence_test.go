package guest_test

import (
	"bytes"
	"context"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	"github.com/corral-go/corral/testkit"
)

// A host task that runs the host's loop itself: the host's events go on, other
// host tasks wait until the nested loop has returned.
func TestNestedLoopInAHostTask(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		var log []string
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			scope.Go(ctx, func(context.Context) error { log = append(log, "other task"); return nil })
			h.post(func() { log = append(log, "event"); h.quit = true })
			h.loop() // a modal dialog
			h.quit = false
			log = append(log, "dialog over")
			return 1, scope.Checkpoint(ctx)
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
		require.Equal(t, []string{"event", "dialog over", "other task"}, log)
	})
}

// The host runs a nested loop of its own: that is just the host.
func TestNestedLoopInTheHost(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := drive(t, h, bg, func(ctx context.Context) (int, error) {
			return 1, scope.Checkpoint(ctx)
		}, func(*guest.Guest[int]) { h.post(func() { h.loop() }) })
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// by runs the functions of a host by hand.
type by struct{ fns chan func() }

func (b *by) post(fn func()) { b.fns <- fn }

// A function called on another thread than the first, which was locked, would
// end the process. It panics instead, and nothing is lost.
func TestAnotherThread(t *testing.T) {
	testkit.Guard(t)
	b := &by{make(chan func(), 1)}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	steps := 0
	g, err := guest.Start(bg, guest.Host{RunSyncSoonThreadsafe: b.post}, func(ctx context.Context) (int, error) {
		for steps = 1; steps < 3; steps++ {
			if err := scope.Checkpoint(ctx); err != nil {
				return 0, err
			}
		}
		return steps, nil
	}, func(o guest.Outcome[int]) { require.Equal(t, guest.Outcome[int]{Value: 3}, o) })
	require.NoError(t, err)
	(<-b.fns)()
	require.Equal(t, 1, steps)
	for _, lock := range []bool{false, true} {
		raised := make(chan any)
		fn := <-b.fns
		go func() {
			if lock {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
			}
			defer func() { raised <- recover() }()
			fn()
		}()
		require.Contains(t, <-raised, "on another goroutine")
		require.Equal(t, 1, steps)
	}
	for range 2 {
		(<-b.fns)()
	}
	<-g.Done()
}

// Likewise a lock that was not there at first.
func TestLockedLater(t *testing.T) {
	testkit.Guard(t)
	b := &by{make(chan func(), 1)}
	steps := 0
	g, err := guest.Start(bg, guest.Host{RunSyncSoonThreadsafe: b.post}, func(ctx context.Context) (int, error) {
		steps++
		return steps, scope.Checkpoint(ctx)
	}, func(o guest.Outcome[int]) { require.Equal(t, guest.Outcome[int]{Value: 1}, o) })
	require.NoError(t, err)
	(<-b.fns)()
	raised, fn := make(chan any), <-b.fns
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { raised <- recover() }()
		fn()
	}()
	require.Contains(t, <-raised, "locked to its thread, unlike the first")
	go (<-b.fns)() // on any other it may go on
	<-g.Done()
}

// What a host makes of its functions is its own business, as long as each runs
// once and no two at a time.
func TestKindsOfHosts(t *testing.T) {
	testkit.Guard(t)
	unbuffered := make(chan func())
	late := make(chan func(), 1)
	for name, h := range map[string]guest.Host{
		"a goroutine each":      {RunSyncSoonThreadsafe: func(fn func()) { go fn() }},
		"at once":               {RunSyncSoonThreadsafe: func(fn func()) { fn() }},
		"twice":                 {RunSyncSoonThreadsafe: func(fn func()) { fn(); fn() }},
		"waits until it is run": {RunSyncSoonThreadsafe: func(fn func()) { ran := make(chan int); unbuffered <- func() { fn(); close(ran) }; <-ran }},
		"waits until it is taken": {
			RunSyncSoonThreadsafe:    func(fn func()) { unbuffered <- fn },
			RunSyncSoonNotThreadsafe: func(fn func()) { late <- fn },
		},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan guest.Outcome[int], 2)
			g, err := guest.Start(bg, h, func(ctx context.Context) (int, error) {
				n := 0
				err := scope.Run(ctx, func(ctx context.Context) error {
					for range 100 {
						scope.Go(ctx, func(ctx context.Context) error {
							for range 3 {
								n++
								if err := scope.Sleep(ctx, time.Duration(n%3)*time.Microsecond); err != nil {
									return err
								}
							}
							return nil
						})
					}
					return nil
				})
				return n, err
			}, func(o guest.Outcome[int]) { done <- o })
			require.NoError(t, err)
			for over := false; !over; {
				select {
				case fn := <-unbuffered:
					fn()
				case fn := <-late:
					fn()
				case <-g.Done():
					over = true
				}
			}
			require.Equal(t, guest.Outcome[int]{Value: 300}, <-done)
			require.Empty(t, done)
		})
	}
}

// A wait on another goroutine with a host task's ctx is an ordinary panic, and
// does no harm; a scope that is opened there has goroutines for tasks, and is
// part of the tree.
func TestWaitElsewhere(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			return scope.Blocking(ctx, func() (int, error) {
				require.PanicsWithValue(t, "scope/guest: a wait on another goroutine with the ctx of a host task: that ctx is for the host task itself; open a scope there (scope.Run), or hand over to a task",
					func() { _ = scope.Sleep(ctx, time.Second) })
				n := 0
				err := scope.Run(ctx, func(inner context.Context) error {
					require.Contains(t, scope.From(inner).Path(), "TestWaitElsewhere")
					scope.Go(inner, func(ctx context.Context) error { n = gettid(); return scope.Sleep(ctx, time.Microsecond) })
					return scope.Sleep(inner, time.Microsecond)
				})
				if h.locked && n != 0 {
					require.NotEqual(t, h.tid, n)
				}
				return 1, err
			})
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// An iterator that waits, pulled in a host task, is on a coroutine of its own.
func TestWaitInPull(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			next, stop := iter.Pull(func(yield func(error) bool) { yield(scope.Sleep(ctx, time.Second)) })
			defer stop()
			require.Panics(t, func() { next() })
			return 1, nil
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// A host task that waits with another ctx than its own waits as well, and the
// host goes on.
func TestWaitWithAnotherContext(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			start := time.Now()
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					if err := scope.Sleep(bg, time.Second); err != nil {
						return err
					}
					return scope.Run(bg, func(ctx context.Context) error { // a root, whose body is here
						child := scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Second) })
						return child.Wait(ctx)
					})
				})
			}
			for time.Since(start) < 2*time.Second {
				if err := scope.Sleep(ctx, time.Millisecond); err != nil {
					return 0, err
				}
			}
			return 1, nil
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// Shutdown stops every coroutine, those that were kept for later too.
func TestNoCoroutineIsLeft(t *testing.T) {
	before := coroutines()
	hosts(t, func(t *testing.T, h *host) {
		run(t, h, bg, func(ctx context.Context) (int, error) {
			for i := range 50 {
				scope.Go(ctx, func(ctx context.Context) error {
					if err := scope.Checkpoint(ctx); err != nil || i%7 > 0 {
						return err
					}
					runtime.Goexit()
					return nil
				}, scope.OnError(func(context.Context, error) bool { return true }))
			}
			return 0, nil
		})
		require.Equal(t, before, coroutines())
	})
}

func coroutines() int {
	buf := make([]byte, 1<<20)
	return bytes.Count(buf[:runtime.Stack(buf, true)], []byte("[coroutine"))
}
