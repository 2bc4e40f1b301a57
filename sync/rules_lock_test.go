package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// gate is what a task waits for until open is called.
func gate() (wait func(context.Context) error, open func()) {
	e := new(csync.Event)
	return e.Wait, e.Set
}

// R75: the owner is the task in ctx, also in the body of a scope inside it.
// Re-acquiring is an error, and so is a release by anybody else.
func TestLockOwnerIsTheTask(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var l csync.Lock // the zero value is ready
		wait, open := gate()
		require.ErrorIs(t, l.Release(ctx), csync.ErrNotOwner)
		require.Equal(t, csync.LockStats{}, l.Stats())
		owner := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			require.ErrorIs(t, l.Acquire(ctx), csync.ErrAlreadyOwner)
			require.ErrorIs(t, l.TryAcquire(ctx), csync.ErrAlreadyOwner)
			_ = wait(ctx)
			return scope.Run(ctx, func(ctx context.Context) error {
				require.ErrorIs(t, l.Acquire(ctx), csync.ErrAlreadyOwner)
				return l.Release(ctx)
			})
		}, scope.Name("owner"))
		synctest.Wait()
		require.True(t, l.Locked())
		require.Equal(t, "test/owner", l.Stats().Owner)
		require.ErrorIs(t, l.Release(ctx), csync.ErrNotOwner)
		require.ErrorIs(t, l.Release(background), csync.ErrNotOwner)
		require.ErrorIs(t, l.TryAcquire(ctx), csync.ErrWouldBlock)
		require.NoError(t, scope.Go(ctx, func(ctx context.Context) error {
			require.ErrorIs(t, l.Release(ctx), csync.ErrNotOwner)
			return nil
		}).Wait(ctx))
		open()
		require.NoError(t, owner.Wait(ctx))
		require.False(t, l.Locked())
		require.NoError(t, l.TryAcquire(ctx))
		require.NoError(t, l.Release(ctx))
	})
}

// R75: outside of a task the owner is the body of the scope; scopes inside that
// body act for it, its tasks do not.
func TestLockOwnerIsTheBody(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock(csync.Name("db"), nil)
		require.NoError(t, l.Acquire(ctx))
		require.Equal(t, csync.LockStats{Name: "db", Owner: "test"}, l.Stats())
		require.ErrorIs(t, l.Acquire(ctx), csync.ErrAlreadyOwner)
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		require.ErrorIs(t, l.Acquire(derived), csync.ErrAlreadyOwner)
		require.NoError(t, scope.Go(ctx, func(ctx context.Context) error {
			require.ErrorIs(t, l.Release(ctx), csync.ErrNotOwner)
			return nil
		}).Wait(ctx))
		require.NoError(t, scope.Run(ctx, func(ctx context.Context) error {
			require.ErrorIs(t, l.Acquire(ctx), csync.ErrAlreadyOwner)
			require.NoError(t, l.Release(ctx))
			return l.Acquire(ctx)
		}, scope.Name("inner"))) // which ends without releasing it
		err := l.Release(ctx)
		require.ErrorIs(t, err, csync.ErrBrokenLock)
		require.ErrorContains(t, err, "test/inner")
	})
}

// R75: a lock that nobody owns can be released by whoever likes.
func TestLockOwnerIsNobody(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var l csync.Lock
		require.NoError(t, l.Acquire(background))
		require.Equal(t, csync.LockStats{}, l.Stats())
		require.ErrorIs(t, l.TryAcquire(background), csync.ErrWouldBlock)
		waiter := scope.Go(ctx, l.Acquire)
		synctest.Wait()
		require.Empty(t, waiting(ctx, waiter).Holders)
		require.Equal(t, 1, l.Stats().Waiters)
		require.NoError(t, l.Release(ctx))
		require.NoError(t, waiter.Wait(ctx))
		require.ErrorIs(t, l.TryAcquire(background), csync.ErrBrokenLock)
	})
}

// R75: if the owner ends without releasing, whoever waits gets an ErrBrokenLock
// that names it, and so does whoever comes later.
func TestLockBreaks(t *testing.T) {
	for name, end := range map[string]func() error{
		"returns": func() error { return nil },
		"panics":  func() error { panic("oh") },
		"goexit":  func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				l := csync.NewLock(csync.Name("db"))
				wait, open := gate()
				inner := func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						require.NoError(t, l.Acquire(ctx))
						_ = wait(ctx)
						return end()
					}, scope.Name("owner"))
					return nil
				}
				scope.Go(ctx, func(ctx context.Context) error {
					_ = scope.Run(ctx, inner, scope.Name("in"), scope.PanicsAsErrors())
					return nil
				}, scope.Name("task"))
				synctest.Wait()
				var errs [3]error
				for i := range errs {
					scope.Go(ctx, func(ctx context.Context) error {
						errs[i] = l.Acquire(ctx)
						return nil
					})
				}
				synctest.Wait()
				require.Equal(t, 3, l.Stats().Waiters)
				open()
				synctest.Wait()
				const text = "sync: lock db is broken: its owner test/task/in/owner ended without releasing it"
				for _, err := range append(errs[:], l.Acquire(ctx), l.TryAcquire(ctx), l.Release(ctx), l.Acquire(background)) {
					require.ErrorIs(t, err, csync.ErrBrokenLock)
					require.EqualError(t, err, text)
				}
				require.Equal(t, csync.LockStats{Name: "db", Owner: "test/task/in/owner"}, l.Stats())
				require.True(t, l.Locked())
			})
		})
	}
}

// R75: nobody waited when the owner ended.
func TestLockFoundBroken(t *testing.T) {
	for name, find := range map[string]func(*csync.Lock, context.Context) error{
		"Acquire": (*csync.Lock).Acquire, "TryAcquire": (*csync.Lock).TryAcquire,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				var l csync.Lock
				require.NoError(t, scope.Go(ctx, l.Acquire, scope.Name("owner")).Wait(ctx))
				require.ErrorIs(t, find(&l, ctx), csync.ErrBrokenLock)
			})
			bubble(t, func(ctx context.Context) {
				var l csync.Lock
				require.NoError(t, scope.Run(background, l.Acquire))
				require.ErrorIs(t, find(&l, ctx), csync.ErrBrokenLock)
			})
		})
	}
}

// R75: the owner that is a body ends when it returns, not when its tasks have
// ended too: they are the ones that wait.
func TestLockBreaksWithTheBody(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var l csync.Lock
		var got error
		err := scope.Run(background, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			scope.Go(ctx, func(ctx context.Context) error {
				got = l.Acquire(ctx)
				return nil
			})
			synctest.Wait()
			return nil
		}, scope.Name("main"))
		require.NoError(t, err)
		require.ErrorIs(t, got, csync.ErrBrokenLock)
		require.ErrorContains(t, got, "its owner main ended")
	})
}

// R75: the owner that was handed the lock is watched too, whoever waited longer
// than it has had it.
func TestLockBreaksInALaterHand(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var l csync.Lock
		require.NoError(t, l.Acquire(ctx))
		second := scope.Go(ctx, l.Acquire, scope.Name("second")) // and ends
		synctest.Wait()
		third := scope.Go(ctx, l.Acquire, scope.OnError(func(_ context.Context, err error) bool {
			require.ErrorContains(t, err, "test/second")
			return errors.Is(err, csync.ErrBrokenLock)
		}))
		synctest.Wait()
		require.NoError(t, l.Release(ctx))
		require.NoError(t, second.Wait(ctx))
		require.NoError(t, third.Wait(ctx))
		require.ErrorIs(t, l.Acquire(ctx), csync.ErrBrokenLock)
	})
}

// The live tree says who has the lock, and for how long at least.
func TestLockInTheTree(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock(csync.Name("db"))
		wait, open := gate()
		scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			_ = wait(ctx)
			return l.Release(ctx)
		}, scope.Name("payment"))
		synctest.Wait()
		since := time.Now()
		first := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			_ = scope.Sleep(ctx, time.Second)
			return l.Release(ctx)
		}, scope.Name("first"))
		synctest.Wait()
		second := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			return l.Release(ctx)
		})
		synctest.Wait()
		require.NoError(t, scope.Sleep(ctx, 3200*time.Millisecond))
		w := waiting(ctx, first)
		require.Equal(t, &scope.Wait{
			Kind: "lock.acquire", Name: "db", Since: since, Holders: []string{"test/payment"}, HeldSince: since, Waiters: 2,
		}, w)
		open()
		synctest.Wait()
		w = waiting(ctx, second)
		require.Equal(t, []string{"test/first"}, w.Holders)
		require.Equal(t, time.Now(), w.HeldSince)
		require.Equal(t, 1, w.Waiters)
	})
}

// R5: what watches an owner is gone when that has released the lock, and when
// nobody waits any more it is at most one.
func TestBreakerLeavesNothing(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		var l csync.Lock
		round := func() {
			_ = l.Acquire(ctx)
			var waiters [2]*scope.Child
			for i := range waiters {
				waiters[i] = scope.Go(ctx, func(ctx context.Context) error {
					_ = l.Acquire(ctx)
					return l.Release(ctx)
				})
			}
			runtime.Gosched()
			_ = l.Release(ctx)
			for _, w := range waiters {
				_ = w.Wait(ctx)
			}
		}
		for range 1000 {
			round()
		}
		before := heap()
		for range 20_000 {
			round()
		}
		require.Less(t, heap()-before, int64(1<<20))
		return nil
	}))
}

// R3, R4: mutual exclusion, whatever is cancelled when, in a real race; and no
// lock is lost.
func TestLockStorm(t *testing.T) {
	testkit.Guard(t)
	const tasks = 16
	each := invariant.Few(500)
	l := csync.NewLock()
	holders, taken := 0, 0
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for i := range tasks {
			scope.Go(ctx, func(ctx context.Context) error {
				rnd := rand.New(rand.NewPCG(uint64(i), 3))
				for range each {
					if briefly(ctx, rnd, l.Acquire) != nil {
						continue
					}
					holders++ // by the lock alone
					taken++
					if holders != 1 {
						return errors.New("there are two owners")
					}
					if rnd.IntN(4) == 0 {
						runtime.Gosched()
					}
					holders--
					if err := l.Release(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	}))
	require.False(t, l.Locked())
	require.Zero(t, l.Stats().Waiters)
	require.Positive(t, taken)
}

// A real race of an owner that ends against one that comes: broken or handed
// over, but nobody waits for ever.
func TestLockBreakRace(t *testing.T) {
	testkit.Guard(t)
	for i := range invariant.Few(2000) {
		var l csync.Lock
		require.NoError(t, scope.Run(background, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					_ = l.Acquire(ctx) // and ends with it
					return nil
				})
			}
			if i%2 == 0 {
				runtime.Gosched()
			}
			return l.Release(ctx)
		}))
		require.True(t, l.Locked())
	}
}
