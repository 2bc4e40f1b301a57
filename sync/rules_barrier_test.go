package sync_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// Parties go on together, and know who came when; then the next round begins.
func TestBarrierRounds(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		b := csync.NewBarrier(3)
		for range 3 {
			var index [3]int
			var tasks [3]*scope.Child
			for i := range tasks {
				for _, before := range tasks[:i] {
					require.Equal(t, scope.Running, before.State())
				}
				tasks[i] = scope.Go(ctx, func(ctx context.Context) (err error) {
					index[i], err = b.Wait(ctx)
					return err
				})
				synctest.Wait()
			}
			for _, task := range tasks {
				require.Equal(t, scope.Succeeded, task.State())
			}
			require.Equal(t, [3]int{0, 1, 2}, index)
		}
		alone := csync.NewBarrier(1)
		i, err := alone.Wait(ctx)
		require.NoError(t, err)
		require.Zero(t, i)
	})
}

// R5: a waiter that is cancelled leaves, and its place is free again.
func TestBarrierCancelled(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		b := csync.NewBarrier(2)
		gone := scope.Go(ctx, func(ctx context.Context) error { _, err := b.Wait(ctx); return err })
		synctest.Wait()
		gone.Cancel(errStop)
		require.ErrorIs(t, gone.Wait(ctx), errStop)
		first := scope.Go(ctx, func(ctx context.Context) error {
			i, err := b.Wait(ctx)
			require.Zero(t, i)
			return err
		})
		synctest.Wait()
		require.Equal(t, scope.Running, first.State())
		i, err := b.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, i)
		require.NoError(t, first.Wait(ctx))
	})
}

// R3: cancelled in the instant in which the last party comes, a waiter has gone
// on with the others; or it has left, and then nobody has gone on.
func TestBarrierCancelledAtTheLast(t *testing.T) {
	for _, cancelFirst := range []bool{false, true} {
		bubble(t, func(ctx context.Context) {
			b := csync.NewBarrier(3)
			var index [3]int
			var tasks [3]*scope.Child
			start := func(i int) {
				tasks[i] = scope.Go(ctx, func(ctx context.Context) (err error) {
					index[i], err = b.Wait(ctx)
					return err
				})
			}
			start(0)
			synctest.Wait()
			start(1)
			synctest.Wait()
			if cancelFirst {
				tasks[0].Cancel(errStop) // it is on its way out when the last comes, or has left
			}
			start(2)
			synctest.Wait()
			tasks[0].Cancel(errStop)
			want := [3]int{0, 1, 2}
			if cancelFirst && tasks[0].State() == scope.Canceled {
				require.Equal(t, scope.Running, tasks[1].State())
				require.Equal(t, scope.Running, tasks[2].State())
				_, err := b.Wait(ctx)
				require.NoError(t, err)
				want = [3]int{0, 0, 1}
			} else {
				require.NoError(t, tasks[0].Wait(ctx))
			}
			require.NoError(t, tasks[1].Wait(ctx))
			require.NoError(t, tasks[2].Wait(ctx))
			require.Equal(t, want, index)
		})
	}
}

// Break is for those who wait and those who come; once broken, it stays.
func TestBarrierBreak(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		b := csync.NewBarrier(3)
		var errs [2]error
		for i := range errs {
			scope.Go(ctx, func(ctx context.Context) error {
				_, errs[i] = b.Wait(ctx)
				return nil
			})
		}
		synctest.Wait()
		b.Break()
		b.Break()
		synctest.Wait()
		_, err := b.Wait(ctx)
		for _, err := range append(errs[:], err) {
			require.ErrorIs(t, err, csync.ErrBrokenBarrier)
		}
	})
	require.PanicsWithValue(t, "sync: NewBarrier(0): a barrier needs at least one party", func() { csync.NewBarrier(0) })
}

// R3: in a real race with cancellation, every round has exactly as many parties
// as the barrier is for, with different indices.
func TestBarrierStorm(t *testing.T) {
	testkit.Guard(t)
	const parties, tasks, rounds = 4, 8, 400
	b := csync.NewBarrier(parties)
	var mu sync.Mutex
	passed := map[int]int{} // by index
	total := 0
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for i := range tasks {
			scope.Go(ctx, func(ctx context.Context) error {
				rnd := rand.New(rand.NewPCG(uint64(i), 6))
				for {
					var index int
					err := briefly(ctx, rnd, func(ctx context.Context) (err error) { index, err = b.Wait(ctx); return err })
					if ctx.Err() != nil {
						return err
					}
					mu.Lock()
					if err == nil {
						passed[index]++
						total++
					}
					enough := total >= parties*rounds
					mu.Unlock()
					if enough {
						b.Break()
						return nil
					}
				}
			})
		}
		return nil
	}))
	require.Len(t, passed, parties)
	for i := range parties {
		require.Equal(t, total/parties, passed[i], "index %d", i)
	}
}
