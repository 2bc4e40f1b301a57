package cloop_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/examples/guest/cloop"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
)

// run runs main as the guest of a C loop, to its end.
func run[T any](t *testing.T, host guest.Host, main func(context.Context) (T, error)) (out guest.Outcome[T]) {
	g, err := guest.Start(context.Background(), host, main, func(o guest.Outcome[T]) {
		out = o
		cloop.Quit()
	})
	require.NoError(t, err)
	cloop.Run()
	<-g.Done()
	return out
}

// Host tasks run inside callbacks from C, on the thread of the C loop.
func TestOnTheThreadOfC(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := syscall.Gettid()
	out := run(t, guest.Host{RunSyncSoonThreadsafe: cloop.Post, RunSyncSoonNotThreadsafe: cloop.Post}, func(ctx context.Context) (int, error) {
		n := 0
		err := scope.Run(ctx, func(ctx context.Context) error {
			for range 100 {
				scope.Go(ctx, func(ctx context.Context) error {
					for range 3 {
						require.Equal(t, thread, syscall.Gettid())
						n++
						if err := scope.Sleep(ctx, time.Microsecond); err != nil {
							return err
						}
					}
					_, err := scope.Blocking(ctx, func() (int, error) {
						require.NotEqual(t, thread, syscall.Gettid())
						return guest.RunOnHost(ctx, func() (int, error) {
							require.Equal(t, thread, syscall.Gettid())
							n++
							return n, nil
						})
					})
					return err
				})
			}
			return nil
		})
		return n, err
	})
	require.Equal(t, guest.Outcome[int]{Value: 400}, out)
}

// A loop within the loop, deeper in C: a tick there would end the process. It is
// put off until the inner loop has returned.
func TestLoopWithinTheLoop(t *testing.T) {
	var asked atomic.Int32 // while the inner loop runs
	inner, steps := false, 0
	soon := func(fn func()) {
		cloop.Post(func() {
			before := steps
			fn()
			if inner {
				require.Equal(t, before, steps, "a step in the inner loop")
				if asked.Add(1) == 3 {
					cloop.Quit() // the inner one
				}
			}
		})
	}
	out := run(t, guest.Host{RunSyncSoonThreadsafe: soon}, func(ctx context.Context) (int, error) {
		cloop.Post(func() { // an event of the host's opens a dialog
			inner = true
			cloop.Run()
			inner = false
		})
		for steps = 1; steps < 100; steps++ {
			if err := scope.Sleep(ctx, 10*time.Microsecond); err != nil {
				return steps, err
			}
		}
		return steps, nil
	})
	require.Equal(t, guest.Outcome[int]{Value: 100}, out)
	require.EqualValues(t, 3, asked.Load())
}

// A host of Go, which calls on no C, until an event opens a loop of C: a tick in
// there is put off, and those before and after are not.
func TestLoopOfCWithinAGoLoop(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	queue := make(chan func(), 100)
	var inner atomic.Bool // the loop of C has the thread
	var asked atomic.Int32
	steps, over := 0, false
	soon := func(fn func()) {
		if !inner.Load() {
			queue <- fn
			return
		}
		cloop.Post(func() {
			before := steps
			fn()
			require.Equal(t, before, steps, "a step in the inner loop")
			if asked.Add(1) == 3 {
				inner.Store(false)
				cloop.Quit()
			}
		})
	}
	var out guest.Outcome[int]
	g, err := guest.Start(context.Background(), guest.Host{RunSyncSoonThreadsafe: soon}, func(ctx context.Context) (int, error) {
		for steps = 1; steps < 100; steps++ {
			if steps%25 == 0 {
				queue <- func() { asked.Store(0); inner.Store(true); cloop.Run() }
			}
			if err := scope.Sleep(ctx, 10*time.Microsecond); err != nil {
				return steps, err
			}
		}
		return steps, nil
	}, func(o guest.Outcome[int]) { out, over = o, true })
	require.NoError(t, err)
	for !over {
		(<-queue)()
	}
	<-g.Done()
	require.Equal(t, guest.Outcome[int]{Value: 100}, out)
	require.EqualValues(t, 3, asked.Load())
}

// A host task may open one itself.
func TestDialogOfAHostTask(t *testing.T) {
	out := run(t, guest.Host{RunSyncSoonThreadsafe: cloop.Post}, func(ctx context.Context) (int, error) {
		answer := 0
		other := scope.Go(ctx, func(context.Context) error { answer++; return nil })
		cloop.Post(func() { answer = 41; cloop.Quit() })
		cloop.Run()
		require.Equal(t, 41, answer)
		return 42, other.Wait(ctx)
	})
	require.Equal(t, guest.Outcome[int]{Value: 42}, out)
}
