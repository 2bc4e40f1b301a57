package gid

import (
	"iter"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// deep makes the stack grow, and so move.
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
}

// Both ways tell the same goroutines apart, and neither minds a moved stack.
func TestTellsGoroutinesApart(t *testing.T) {
	for name, current := range map[string]func() uintptr{"Current": Current, "parse": parse} {
		t.Run(name, func(t *testing.T) {
			me := current()
			deep(100_000, func() { require.Equal(t, me, current()) })
			runtime.Gosched()
			require.Equal(t, me, current())

			const n = 100
			var all sync.WaitGroup
			var mu sync.Mutex
			seen := map[uintptr]bool{me: true}
			hold := make(chan struct{})
			for range n {
				all.Add(1)
				go func() {
					mu.Lock()
					seen[current()] = true
					mu.Unlock()
					all.Done()
					<-hold // alive until all have been asked
				}()
			}
			all.Wait()
			close(hold)
			require.Len(t, seen, n+1)
		})
	}
}

// A coroutine is none of the goroutines that resume it, and stays itself.
func TestCoroutineIsItself(t *testing.T) {
	next, stop := iter.Pull(func(yield func(uintptr) bool) {
		for yield(Current()) {
		}
	})
	defer stop()
	first, _ := next()
	require.NotEqual(t, Current(), first)
	second, _ := next()
	require.Equal(t, first, second)
}

func TestLocked(t *testing.T) {
	require.False(t, Locked())
	runtime.LockOSThread()
	require.True(t, Locked())
	runtime.UnlockOSThread()
	require.False(t, Locked())
}

func TestInBubble(t *testing.T) {
	require.False(t, InBubble())
	synctest.Test(t, func(t *testing.T) { require.True(t, InBubble()) })
}

func BenchmarkCurrent(b *testing.B) {
	for b.Loop() {
		Current()
	}
}
