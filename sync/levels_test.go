package sync_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// levelOf is what the thing that c waits for says of itself.
func levelOf(c *scope.Child, look park.Look) park.Level {
	what, _, _ := seam.StrandOf(c).Waiting()
	return what.Awaited(look).Object.Level(look)
}

// A queue or limiter that somebody waits for says how full it is, to who looks;
// that takes no lock but through him, and changes nothing.
func TestLevels(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		least := func(a, b int) bool { return a < b }
		for name, q := range map[string]*csync.Queue[int]{
			"fifo": csync.NewQueue[int](2, csync.Name("q")), "sorted": csync.NewPriorityQueue(2, least, csync.Name("q")), "stack": csync.NewStack[int](2, csync.Name("q")),
		} {
			require.NoError(t, q.Put(ctx, 1), name)
			time.Sleep(time.Second)
			require.NoError(t, q.Put(ctx, 2), name)
			put := scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 3) })
			synctest.Wait()
			want := park.Level{Kind: "queue", Name: "q", Size: 2, Capacity: 2, Peak: 2, Waiting: 1, Oldest: time.Second}
			require.Equal(t, want, levelOf(put, park.Patient), name)
			require.Equal(t, park.Level{Kind: "queue", Name: "q", Locked: true}, levelOf(put, func(park.TryLocker) bool { return false }))
			require.Equal(t, time.Second, q.Stats().OldestAge, name)
			put.Cancel(errStop)
		}
		unnamed := csync.NewQueue[int](1)
		require.NoError(t, unnamed.Put(ctx, 1))
		put := scope.Go(ctx, func(ctx context.Context) error { return unnamed.Put(ctx, 3) })
		time.Sleep(time.Second)
		require.Zero(t, levelOf(put, park.Patient).Oldest)
		time.Sleep(time.Second)
		require.Zero(t, unnamed.Stats().OldestAge, "who looked has not begun to have it timed")
		put.Cancel(errStop)

		l := csync.NewCapacityLimiter(1, csync.Name("l"))
		require.NoError(t, l.Acquire(ctx))
		borrow := scope.Go(ctx, l.Acquire)
		synctest.Wait()
		require.Equal(t, park.Level{Kind: "limiter", Name: "l", Size: 1, Capacity: 1, Waiting: 1}, levelOf(borrow, park.Patient))
		require.Equal(t, park.Level{Kind: "limiter", Name: "l", Locked: true}, levelOf(borrow, func(park.TryLocker) bool { return false }))
		borrow.Cancel(errStop)
	})
}
