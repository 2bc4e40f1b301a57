package sync_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R76: Wait gives the lock away, and has it again when it returns.
func TestConditionWaitHoldsTheLockAgain(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock()
		c := csync.NewCondition(l, csync.Name("changed"))
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, c.Acquire(ctx))
			require.NoError(t, c.Wait(ctx))
			require.Equal(t, "test/waiter", l.Stats().Owner)
			return c.Release(ctx)
		}, scope.Name("waiter"))
		synctest.Wait()
		require.Equal(t, "condition.wait", waiting(ctx, waiter).Kind)
		require.False(t, l.Locked())
		require.NoError(t, l.Acquire(ctx))
		require.NoError(t, c.Notify(ctx, 1))
		synctest.Wait()
		require.Equal(t, scope.Running, waiter.State()) // notified, but the lock is not free
		w := waiting(ctx, waiter)
		require.Equal(t, "lock.acquire", w.Kind)
		require.Equal(t, []string{"test"}, w.Holders)
		require.NoError(t, l.Release(ctx))
		require.NoError(t, waiter.Wait(ctx))
	})
}

// R76: also when cancelled, however long that takes.
func TestConditionCancelledHoldsTheLockAgain(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock()
		c := csync.NewCondition(l)
		var ended time.Duration
		start := time.Now()
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			err := c.Wait(ctx)
			ended = time.Since(start)
			require.ErrorIs(t, err, errStop)
			require.Equal(t, "test/waiter", l.Stats().Owner)
			require.NoError(t, l.Release(ctx)) // a release does not care
			return err
		}, scope.Name("waiter"))
		synctest.Wait()
		require.NoError(t, l.Acquire(ctx))
		waiter.Cancel(errStop)
		synctest.Wait()
		require.Equal(t, "lock.acquire", waiting(ctx, waiter).Kind)
		require.NoError(t, scope.Sleep(ctx, time.Second))
		require.NoError(t, l.Release(ctx))
		require.ErrorIs(t, waiter.Wait(ctx), errStop)
		require.Equal(t, time.Second, ended)

		// The same in the body of a scope, where the owner is the body around it.
		require.NoError(t, l.Acquire(ctx))
		timedOut, err := scope.MoveOnAfter(ctx, time.Second, c.Wait)
		require.True(t, timedOut)
		require.NoError(t, err)
		require.Equal(t, "test", l.Stats().Owner)
		require.NoError(t, l.Release(ctx))
	})
}

// R2: in a cancelled ctx the lock is not given away.
func TestConditionCancelledBefore(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		c := csync.NewCondition(nil)
		require.NoError(t, c.Acquire(ctx))
		canceled, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		require.ErrorIs(t, c.Wait(canceled), errStop)
		require.ErrorIs(t, c.WaitFor(canceled, func() bool { return true }), errStop)
		require.NoError(t, c.Release(ctx))
	})
}

// R76: a notification for a waiter that is being cancelled goes to the next, and
// one that was notified first has it.
func TestConditionNotifyAgainstCancel(t *testing.T) {
	for _, notifyFirst := range []bool{false, true} {
		bubble(t, func(ctx context.Context) {
			c := csync.NewCondition(nil)
			var errs [2]error
			var tasks [2]*scope.Child
			for i := range tasks {
				tasks[i] = scope.Go(ctx, func(ctx context.Context) error {
					require.NoError(t, c.Acquire(ctx))
					errs[i] = c.Wait(ctx)
					return c.Release(ctx)
				})
				synctest.Wait()
			}
			require.NoError(t, c.Acquire(ctx))
			if notifyFirst {
				require.NoError(t, c.Notify(ctx, 1))
				tasks[0].Cancel(errStop)
			} else {
				tasks[0].Cancel(errStop)
				require.NoError(t, c.Notify(ctx, 1))
			}
			require.NoError(t, c.Release(ctx))
			synctest.Wait()
			require.Equal(t, scope.Succeeded, tasks[0].State())
			if notifyFirst {
				require.NoError(t, errs[0])
				require.Equal(t, scope.Running, tasks[1].State())
				tasks[1].Cancel(errStop)
			} else {
				require.ErrorIs(t, errs[0], errStop)
				require.Equal(t, scope.Succeeded, tasks[1].State())
				require.NoError(t, errs[1])
			}
		})
	}
}

// R4, R76: n waiters are woken, those that wait longest, in that order; behind
// those who waited for the lock before.
func TestConditionNotifyOrder(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock()
		c := csync.NewCondition(l)
		other := csync.NewCondition(l)
		var order []int
		wait := func(c *csync.Condition, i int) {
			scope.Go(ctx, func(ctx context.Context) error {
				require.NoError(t, c.Acquire(ctx))
				require.NoError(t, c.Wait(ctx))
				order = append(order, i)
				return c.Release(ctx)
			})
			synctest.Wait()
		}
		for i := range 5 {
			wait(c, i)
		}
		wait(other, 9)
		require.NoError(t, l.Acquire(ctx))
		scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			order = append(order, 7)
			return l.Release(ctx)
		})
		synctest.Wait()
		require.NoError(t, c.Notify(ctx, 0))
		require.NoError(t, c.Notify(ctx, -1))
		require.NoError(t, c.Notify(ctx, 2))
		require.NoError(t, l.Release(ctx))
		synctest.Wait()
		require.Equal(t, []int{7, 0, 1}, order)
		require.NoError(t, l.Acquire(ctx))
		require.NoError(t, c.NotifyAll(ctx))
		require.NoError(t, l.Release(ctx))
		synctest.Wait()
		require.Equal(t, []int{7, 0, 1, 2, 3, 4}, order)
		require.NoError(t, l.Acquire(ctx))
		require.NoError(t, other.Notify(ctx, 100))
		require.NoError(t, l.Release(ctx))
		synctest.Wait()
		require.Equal(t, []int{7, 0, 1, 2, 3, 4, 9}, order)
	})
}

// Without the lock there is nothing to wait for and nothing to say.
func TestConditionNeedsTheLock(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		c := csync.NewCondition(nil)
		check := func() {
			require.ErrorIs(t, c.Wait(ctx), csync.ErrNotOwner)
			require.ErrorIs(t, c.WaitFor(ctx, func() bool { return true }), csync.ErrNotOwner)
			require.ErrorIs(t, c.Notify(ctx, 1), csync.ErrNotOwner)
			require.ErrorIs(t, c.NotifyAll(ctx), csync.ErrNotOwner)
			require.ErrorIs(t, c.Release(ctx), csync.ErrNotOwner)
		}
		check()
		wait, open := gate()
		owner := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, c.Acquire(ctx))
			_ = wait(ctx)
			return c.Release(ctx)
		})
		synctest.Wait()
		check()
		open()
		require.NoError(t, owner.Wait(ctx))
	})
}

func TestConditionWaitFor(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		c := csync.NewCondition(nil)
		n, asked := 0, 0
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, c.Acquire(ctx))
			err := c.WaitFor(ctx, func() bool { asked++; return n == 3 })
			require.Equal(t, 3, n)
			require.NoError(t, c.Release(ctx))
			return err
		})
		for range 3 {
			synctest.Wait()
			require.NoError(t, c.Acquire(ctx))
			n++
			require.NoError(t, c.NotifyAll(ctx))
			require.NoError(t, c.Release(ctx))
		}
		require.NoError(t, waiter.Wait(ctx))
		require.Equal(t, 4, asked)
	})
}

// R75, R76: whoever waits to be notified hears it too when the lock breaks, also
// if nobody waits for the lock itself, and so does one that is notified or
// cancelled already.
func TestConditionOfABrokenLock(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock()
		c := csync.NewCondition(l)
		var errs [3]error
		var tasks [3]*scope.Child
		for i := range tasks {
			tasks[i] = scope.Go(ctx, func(ctx context.Context) error {
				require.NoError(t, l.Acquire(ctx))
				errs[i] = c.Wait(ctx)
				return nil
			})
			synctest.Wait()
		}
		owner := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			require.NoError(t, c.Notify(ctx, 1))
			tasks[1].Cancel(errStop)
			return nil
		}, scope.Name("owner"))
		require.NoError(t, owner.Wait(ctx))
		synctest.Wait()
		for i, err := range errs {
			require.ErrorIs(t, err, csync.ErrBrokenLock, "waiter %d", i)
		}
		require.ErrorIs(t, l.Acquire(ctx), csync.ErrBrokenLock)
	})
	bubble(t, func(ctx context.Context) {
		l := csync.NewLock()
		c := csync.NewCondition(l)
		var err error
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			require.NoError(t, l.Acquire(ctx))
			err = c.Wait(ctx)
			return nil
		})
		synctest.Wait()
		require.NoError(t, scope.Go(ctx, l.Acquire).Wait(ctx))
		require.NoError(t, waiter.Wait(ctx))
		require.ErrorIs(t, err, csync.ErrBrokenLock)
	})
}

// R3, R76: a bounded buffer on two conditions, with cancellation at any moment:
// what was put in is taken out, once each.
func TestConditionStorm(t *testing.T) {
	testkit.Guard(t)
	const tasks, each, room = 8, 300, 3
	l := csync.NewLock()
	notFull, notEmpty := csync.NewCondition(l), csync.NewCondition(l)
	var buffer []int
	var put, taken int
	use := func(ctx context.Context, rnd *rand.Rand, c, other *csync.Condition, ready func() bool, f func()) error {
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		err := briefly(ctx, rnd, func(ctx context.Context) error { return c.WaitFor(ctx, ready) })
		if err == nil {
			f()
			err = other.Notify(ctx, 1)
		}
		if lost := l.Release(ctx); lost != nil {
			panic(lost)
		}
		return err
	}
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for i := range tasks {
			for j := range 2 {
				scope.Go(ctx, func(ctx context.Context) error {
					rnd := rand.New(rand.NewPCG(uint64(i), uint64(j)))
					for n := 0; n < each; {
						var err error
						if j == 0 {
							err = use(ctx, rnd, notFull, notEmpty, func() bool { return len(buffer) < room }, func() { put++; buffer = append(buffer, put) })
						} else {
							err = use(ctx, rnd, notEmpty, notFull, func() bool { return len(buffer) > 0 }, func() { taken += buffer[0]; buffer = buffer[1:] })
						}
						if err == nil {
							n++
						}
					}
					return nil
				})
			}
		}
		return nil
	}))
	require.Equal(t, tasks*each, put)
	require.Equal(t, put*(put+1)/2, taken)
	require.Empty(t, buffer)
}
