package sync_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R78: per key one holder, first come first served; other keys do not wait.
func TestResourceLockKeys(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var r csync.ResourceLock[string] // the zero value is ready
		require.NoError(t, r.Acquire(ctx, "a"))
		require.ErrorIs(t, r.Acquire(ctx, "a"), csync.ErrAlreadyOwner)
		require.ErrorIs(t, r.Release(ctx, "b"), csync.ErrNotOwner)
		require.Equal(t, 1, r.Len())
		var order []int
		for i := range 3 {
			scope.Go(ctx, func(ctx context.Context) error {
				require.ErrorIs(t, r.Release(ctx, "a"), csync.ErrNotOwner)
				return r.Do(ctx, "a", func(context.Context) error {
					order = append(order, i)
					return nil
				})
			})
			synctest.Wait()
		}
		require.NoError(t, r.Do(ctx, "b", func(context.Context) error { require.Equal(t, 2, r.Len()); return nil }))
		require.Empty(t, order)
		require.NoError(t, r.Release(ctx, "a"))
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
		require.Zero(t, r.Len())
	})
}

// Do releases on every path, and returns what the function does.
func TestResourceLockDo(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		r := csync.NewResourceLock[int](csync.Name("files"))
		require.ErrorIs(t, r.Do(ctx, 1, func(context.Context) error { return errStop }), errStop)
		require.PanicsWithValue(t, "oh", func() { _ = r.Do(ctx, 1, func(context.Context) error { panic("oh") }) })
		scope.Go(ctx, func(ctx context.Context) error {
			return r.Do(ctx, 1, func(context.Context) error { runtime.Goexit(); return nil })
		}, scope.OnError(func(_ context.Context, err error) bool { return errors.Is(err, scope.ErrGoexit) }))
		synctest.Wait()
		require.Zero(t, r.Len())
		require.ErrorIs(t, r.Do(ctx, 1, func(ctx context.Context) error { return r.Release(ctx, 1) }), csync.ErrNotOwner)
		require.Panics(t, func() { _ = r.Do(ctx, 1, nil) })
		canceled, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		require.ErrorIs(t, r.Do(canceled, 1, func(context.Context) error { t.Error("it was called"); return nil }), errStop)
		require.ErrorIs(t, r.Do(ctx, 1, func(ctx context.Context) error {
			return r.Do(ctx, 1, func(context.Context) error { t.Error("it was called"); return nil })
		}), csync.ErrAlreadyOwner)
		require.Zero(t, r.Len())
	})
}

// R75, R78: the key of an owner that has ended is broken; the others are not.
func TestResourceLockBreaks(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		r := csync.NewResourceLock[int](csync.Name("files"))
		wait, open := gate()
		scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, r.Acquire(ctx, 1))
			return wait(ctx)
		}, scope.Name("owner"))
		synctest.Wait()
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			require.ErrorIs(t, r.Acquire(ctx, 1), csync.ErrBrokenLock)
			return nil
		})
		synctest.Wait()
		open()
		require.NoError(t, waiter.Wait(ctx))
		require.EqualError(t, r.Acquire(ctx, 1), "sync: lock files is broken: its owner test/owner ended without releasing it")
		require.ErrorIs(t, r.Release(ctx, 1), csync.ErrBrokenLock)
		require.NoError(t, r.Acquire(ctx, 2))
		require.NoError(t, r.Release(ctx, 2))
	})
}

// R90: a key that could not be released is refused, and nothing stays locked.
func TestResourceLockMisuse(t *testing.T) {
	testkit.Guard(t)
	r := csync.NewResourceLock[any]()
	require.Panics(t, func() { _ = r.Acquire(background, []int{1}) })
	require.Panics(t, func() { _ = r.Release(background, []int{1}) })
	require.Panics(t, func() { _ = r.Acquire(background, math.NaN()) })
	require.NoError(t, r.Acquire(background, 1))
	require.Equal(t, 1, r.Len())
}

// R78: an unused key takes no memory, also if others are in use.
func TestResourceLockMemory(t *testing.T) {
	testkit.Guard(t)
	const keys = 100_000
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		r := csync.NewResourceLock[int]()
		require.NoError(t, r.Acquire(ctx, -1))
		before := heap()
		for i := range keys {
			require.NoError(t, r.Acquire(ctx, i))
		}
		require.Equal(t, keys+1, r.Len())
		for i := range keys {
			require.NoError(t, r.Release(ctx, i))
		}
		require.Equal(t, 1, r.Len())
		require.Less(t, heap()-before, int64(64<<10))
		require.NoError(t, r.Release(ctx, -1))
		return nil
	}))
}

// R78: one holder per key, whatever the number and timing of users.
func TestResourceLockStorm(t *testing.T) {
	testkit.Guard(t)
	const tasks, each, keys = 16, 500, 3
	r := csync.NewResourceLock[int]()
	var holders [keys]int // by the key's lock alone
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for i := range tasks {
			scope.Go(ctx, func(ctx context.Context) error {
				rnd := rand.New(rand.NewPCG(uint64(i), 7))
				for range each {
					key := rnd.IntN(keys)
					_ = briefly(ctx, rnd, func(ctx context.Context) error {
						return r.Do(ctx, key, func(context.Context) error {
							holders[key]++
							if holders[key] != 1 {
								panic("there are two holders")
							}
							if rnd.IntN(4) == 0 {
								runtime.Gosched()
							}
							holders[key]--
							return nil
						})
					})
				}
				return nil
			})
		}
		return nil
	}))
	require.Zero(t, r.Len())
}

func TestResourceGuard(t *testing.T) {
	testkit.Guard(t)
	g := csync.NewResourceGuard("reading from")
	require.NoError(t, g.Enter())
	err := g.Enter()
	require.ErrorIs(t, err, csync.ErrBusy)
	require.EqualError(t, err, "sync: resource is busy: another task is already reading from it")
	g.Exit()
	require.NoError(t, g.Enter())
	g.Exit()
	require.PanicsWithValue(t, "sync: ResourceGuard.Exit without Enter: call it once for each Enter that returned nil", g.Exit)
	require.NoError(t, new(csync.ResourceGuard).Enter())
}
