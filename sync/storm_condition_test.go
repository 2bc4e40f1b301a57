package sync_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R76: a notification that comes together with the cancellation of the waiter it
// is for wakes that one, or else the next: never both, never neither; and whoever
// returns has the lock. For real, and with more schedules than that.
func TestNotifyAgainstCancel(t *testing.T) {
	testkit.Guard(t)
	seed := linSeed()
	t.Cleanup(func() { park.SetSchedule(nil) })
	both := [2]int{}
	synctest.Test(t, func(t *testing.T) {
		for i := range linCount(linDefault) {
			park.SetSchedule(nil)
			if i%2 == 0 {
				park.SetSchedule(func() { linPause(int(rand.Uint32() & 3)) })
			}
			if notifyAgainstCancel(t, seed+uint64(i)) {
				both[0]++
			} else {
				both[1]++
			}
		}
	})
	t.Logf("the notification came first in %d rounds, the cancellation in %d", both[0], both[1])
}

func notifyAgainstCancel(t *testing.T, seed uint64) (notified bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var lock csync.Lock
	cond := csync.NewCondition(&lock)
	var errs [2]error
	var ended [2]bool
	err := scope.Run(background, func(ctx context.Context) error {
		first := scope.New()
		plain, cancelPlain := context.WithCancel(ctx)
		defer cancelPlain()
		cancel := cancelPlain
		if rng.IntN(2) == 0 {
			cancel = func() { first.Cancel(nil) }
		}
		wait := func(ctx context.Context, i int) error {
			require.NoError(t, lock.Acquire(ctx))
			errs[i] = cond.Wait(ctx)
			ended[i] = true
			require.NoError(t, lock.Release(ctx), "it has the lock")
			return nil
		}
		scope.Go(ctx, func(context.Context) error {
			return first.Run(plain, func(ctx context.Context) error { return wait(ctx, 0) })
		})
		synctest.Wait()
		scope.Go(ctx, func(ctx context.Context) error { return wait(ctx, 1) })
		synctest.Wait()
		require.NoError(t, lock.Acquire(ctx))
		n := rng.IntN(4)
		scope.Go(ctx, func(context.Context) error { linPause(n); cancel(); return nil })
		linPause(rng.IntN(4))
		require.NoError(t, cond.Notify(ctx, 1))
		require.NoError(t, lock.Release(ctx))
		synctest.Wait()
		require.True(t, ended[0], "seed %d", seed)
		notified = errs[0] == nil
		require.Equal(t, !notified, ended[1], "seed %d: the notification woke none, or both: %v", seed, errs)
		if ended[1] {
			require.ErrorIs(t, errs[0], context.Canceled)
			require.NoError(t, errs[1])
			return nil
		}
		require.NoError(t, lock.Acquire(ctx))
		require.NoError(t, cond.Notify(ctx, 1))
		return lock.Release(ctx)
	})
	require.NoError(t, err, "seed %d", seed)
	require.False(t, lock.Locked())
	return notified
}
