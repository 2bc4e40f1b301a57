package sync_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

func TestSemaphoreValue(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		s := csync.NewSemaphore(2)
		require.Equal(t, 2, s.Value())
		require.NoError(t, s.Acquire(ctx))
		require.NoError(t, s.TryAcquire(ctx))
		require.ErrorIs(t, s.TryAcquire(ctx), csync.ErrWouldBlock)
		waiter := scope.Go(ctx, s.Acquire)
		synctest.Wait()
		require.NoError(t, s.Release()) // from whomever it comes
		require.Zero(t, s.Value())      // it is the waiter's
		require.NoError(t, waiter.Wait(ctx))
		for i := range 3 {
			require.NoError(t, s.Release())
			require.Equal(t, i+1, s.Value()) // there is no maximum
		}
	})
}

func TestSemaphoreMaxValue(t *testing.T) {
	testkit.Guard(t)
	s := csync.NewSemaphore(1, csync.MaxValue(2), nil)
	require.NoError(t, s.Release())
	require.ErrorIs(t, s.Release(), csync.ErrOverRelease)
	require.Equal(t, 2, s.Value())
	require.NoError(t, s.Acquire(background))
	require.NoError(t, s.Release())
	none := csync.NewSemaphore(0, csync.MaxValue(0))
	require.ErrorIs(t, none.Release(), csync.ErrOverRelease)
}

// R90.
func TestSemaphoreMisuse(t *testing.T) {
	testkit.Guard(t)
	require.PanicsWithValue(t, "sync: NewSemaphore(-1): a semaphore cannot have fewer than no permits: pass 0 or more",
		func() { csync.NewSemaphore(-1) })
	require.PanicsWithValue(t, "sync: NewSemaphore(3) with MaxValue(2): the first value must not be more than the maximum",
		func() { csync.NewSemaphore(3, csync.MaxValue(2)) })
	require.Panics(t, func() { csync.NewSemaphore(0, csync.MaxValue(-1)) })
}

// R3: permits are neither lost nor made, whatever is cancelled when.
func TestSemaphoreStorm(t *testing.T) {
	testkit.Guard(t)
	const tasks, each, permits = 16, 500, 3
	s := csync.NewSemaphore(permits, csync.MaxValue(permits))
	var holders atomic.Int64
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for i := range tasks {
			scope.Go(ctx, func(ctx context.Context) error {
				rnd := rand.New(rand.NewPCG(uint64(i), 4))
				for range each {
					if briefly(ctx, rnd, s.Acquire) != nil {
						continue
					}
					if holders.Add(1) > permits {
						panic("more holders than permits")
					}
					holders.Add(-1)
					if err := s.Release(); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	}))
	require.Equal(t, permits, s.Value())
}
