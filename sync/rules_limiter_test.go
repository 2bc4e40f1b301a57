package sync_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R77: a borrower may hold one token; who holds none cannot give one back. The
// borrower is the task in ctx, else the body around, else nobody in particular.
func TestLimiterBorrowers(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewCapacityLimiter(10)
		require.ErrorIs(t, l.Release(ctx), csync.ErrNotOwner)
		timedOut, err := scope.MoveOnAfter(ctx, 1, l.Acquire) // the body's, also from within
		require.NoError(t, err)
		require.False(t, timedOut)
		require.ErrorIs(t, l.Acquire(ctx), csync.ErrAlreadyOwner)
		require.ErrorIs(t, l.TryAcquire(ctx), csync.ErrAlreadyOwner)
		task := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			require.ErrorIs(t, l.Acquire(ctx), csync.ErrAlreadyOwner)
			require.ErrorIs(t, l.AcquireOnBehalfOf(ctx, scope.TaskFrom(ctx)), csync.ErrAlreadyOwner)
			return nil
		})
		require.NoError(t, task.Wait(ctx))
		require.Equal(t, 2, l.Borrowed())
		require.NoError(t, l.ReleaseOnBehalfOf(task)) // it is not given back by itself
		require.ErrorIs(t, l.ReleaseOnBehalfOf(task), csync.ErrNotOwner)
		require.NoError(t, l.Release(ctx))

		require.NoError(t, l.AcquireOnBehalfOf(ctx, "job 1"))
		require.NoError(t, l.TryAcquireOnBehalfOf(ctx, "job 2"))
		require.ErrorIs(t, l.AcquireOnBehalfOf(ctx, "job 1"), csync.ErrAlreadyOwner)
		require.ErrorIs(t, l.TryAcquireOnBehalfOf(ctx, "job 1"), csync.ErrAlreadyOwner)
		require.NoError(t, l.ReleaseOnBehalfOf("job 1"))
		require.NoError(t, l.ReleaseOnBehalfOf("job 2"))

		require.NoError(t, l.Acquire(background))
		require.NoError(t, l.Acquire(background))
		require.Equal(t, 2, l.Borrowed())
		require.Equal(t, 8, l.Available())
		require.NoError(t, l.Release(background))
		require.NoError(t, l.Release(background))
		require.ErrorIs(t, l.Release(background), csync.ErrNotOwner)
		require.Zero(t, l.Borrowed())
	})
}

// R77: growing wakes the right number, in order; shrinking below what is
// borrowed admits nobody until it fits.
func TestLimiterSetTotal(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewCapacityLimiter(0)
		var tasks [8]*scope.Child
		admitted := func() (n int) {
			synctest.Wait()
			for n < len(tasks) && tasks[n].State() == scope.Succeeded {
				n++
			}
			for _, later := range tasks[n:] {
				require.Equal(t, scope.Running, later.State())
			}
			return n
		}
		for i := range tasks {
			tasks[i] = scope.Go(ctx, func(ctx context.Context) error { return l.AcquireOnBehalfOf(ctx, i) })
			synctest.Wait()
		}
		require.Equal(t, 8, l.Waiters())
		require.ErrorIs(t, l.TryAcquire(ctx), csync.ErrWouldBlock)
		require.NoError(t, l.SetTotal(3))
		require.Equal(t, 3, l.Borrowed()) // at once
		require.ErrorIs(t, l.TryAcquire(ctx), csync.ErrWouldBlock)
		require.Equal(t, 3, admitted())

		require.NoError(t, l.SetTotal(1))
		require.Equal(t, 3, l.Borrowed())
		require.Zero(t, l.Available())
		for i := range 2 {
			require.NoError(t, l.ReleaseOnBehalfOf(i))
			require.Equal(t, 3, admitted())
		}
		require.NoError(t, l.ReleaseOnBehalfOf(2))
		require.Equal(t, 4, admitted())

		require.NoError(t, l.SetTotal(0))
		require.NoError(t, l.SetTotal(1)) // shrunk and grown: still one
		require.Equal(t, 4, admitted())
		require.NoError(t, l.SetTotal(100))
		require.Equal(t, 8, admitted())
		require.Equal(t, 100, l.Total())
		require.Equal(t, 95, l.Available())
		require.Zero(t, l.Waiters())
	})
}

// R77: two that wait on behalf of the same borrower: one gets it, the other is
// told, and takes nobody's token.
func TestLimiterSameBorrowerTwiceInLine(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewCapacityLimiter(1)
		require.NoError(t, l.Acquire(ctx))
		var errs [3]error
		for i, who := range []string{"a", "a", "b"} {
			scope.Go(ctx, func(ctx context.Context) error {
				errs[i] = l.AcquireOnBehalfOf(ctx, who)
				return nil
			})
			synctest.Wait()
		}
		require.NoError(t, l.SetTotal(3))
		synctest.Wait()
		require.Equal(t, []error{nil, csync.ErrAlreadyOwner, nil}, errs[:])
		require.Equal(t, 3, l.Borrowed())
	})
}

// R90.
func TestLimiterMisuse(t *testing.T) {
	testkit.Guard(t)
	const negative = "sync: CapacityLimiter with a total of -1: pass 0 or more"
	require.PanicsWithValue(t, negative, func() { csync.NewCapacityLimiter(-1) })
	l := csync.NewCapacityLimiter(1)
	require.EqualError(t, l.SetTotal(-1), negative)
	require.Equal(t, 1, l.Total())
	for _, borrower := range []any{nil, []int{1}, map[int]int{}, math.NaN(), struct{ any }{[]int{}}, [1]any{func() {}}} {
		require.Panics(t, func() { _ = l.AcquireOnBehalfOf(background, borrower) })
		require.Panics(t, func() { _ = l.TryAcquireOnBehalfOf(background, borrower) })
		require.Panics(t, func() { _ = l.ReleaseOnBehalfOf(borrower) })
	}
	require.NoError(t, l.AcquireOnBehalfOf(background, struct{ any }{1})) // nothing is left locked
	require.NoError(t, l.ReleaseOnBehalfOf(struct{ any }{1}))
}

// The live tree names the tasks and bodies that have a token, not other values.
func TestLimiterInTheTree(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewCapacityLimiter(3, csync.Name("db"))
		wait, open := gate()
		require.NoError(t, l.Acquire(ctx))
		require.NoError(t, l.AcquireOnBehalfOf(ctx, "secret"))
		scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			return wait(ctx)
		}, scope.Name("worker"))
		synctest.Wait()
		waiter := scope.Go(ctx, l.Acquire)
		synctest.Wait()
		require.ElementsMatch(t, []string{"test", "test/worker"}, waiting(ctx, waiter).Holders)
		require.NoError(t, l.Release(ctx))
		require.NoError(t, waiter.Wait(ctx))
		open()
	})
}

// R3, R77: tokens are neither lost nor made, whatever is cancelled, and however
// the total changes.
func TestLimiterStorm(t *testing.T) {
	testkit.Guard(t)
	const tasks, each, most = 16, 300, 4
	l := csync.NewCapacityLimiter(most)
	var holders atomic.Int64
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for i := range tasks {
			scope.Go(ctx, func(ctx context.Context) error {
				rnd := rand.New(rand.NewPCG(uint64(i), 5))
				for range each {
					if briefly(ctx, rnd, l.Acquire) != nil {
						continue
					}
					if holders.Add(1) > most {
						panic("more holders than tokens")
					}
					_ = l.SetTotal(1 + rnd.IntN(most))
					holders.Add(-1)
					if err := l.Release(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	}))
	require.Zero(t, l.Borrowed())
	require.Zero(t, l.Waiters())
}
