package sync_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R3, R75, R76: a lock goes from hand to hand, waiters give up, one gives it
// away to be notified, and at last an owner ends with it; in every order there
// is at most one holder, and nobody waits for ever.
func TestLockSchedules(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		var l csync.Lock
		c := csync.NewCondition(&l)
		holders := 0
		use := func(ctx context.Context, inside func() error) error {
			if err := l.Acquire(ctx); err != nil {
				return err
			}
			if holders++; holders != 1 {
				t.Errorf("%d holders", holders)
			}
			park.Yield()
			holders--
			if err := inside(); err != nil {
				return err
			}
			return l.Release(ctx)
		}
		quiet := scope.OnError(func(context.Context, error) bool { return true })
		var tasks []*scope.Child
		for _, inside := range []func(ctx context.Context) error{
			func(context.Context) error { return nil },
			func(ctx context.Context) error { return c.NotifyAll(ctx) },
			func(ctx context.Context) error { return c.Wait(ctx) },
		} {
			tasks = append(tasks, scope.Go(ctx, func(ctx context.Context) error {
				for range 3 {
					if err := use(ctx, func() error { return inside(ctx) }); err != nil {
						return err // and if it was cancelled in Wait, it ends with the lock
					}
				}
				return nil
			}, quiet))
		}
		tasks[r.IntN(3)].Cancel(errStop)
		_ = tasks[0].Wait(ctx)
		_ = tasks[1].Wait(ctx)
		tasks[2].Cancel(errStop) // nobody is left to notify it
		_ = tasks[2].Wait(ctx)
		last := scope.Go(ctx, l.Acquire, quiet) // and ends with it
		_ = last.Wait(ctx)
		require.ErrorIs(t, l.Acquire(ctx), csync.ErrBrokenLock)
	})
}

// R5: what watched an owner is taken back, also if it comes only when the owner
// has released the lock already.
func TestBreakerSchedules(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	const rounds = 20_000
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 0))
		var mu sync.Mutex // at the same virtual time there may be two
		park.SetSchedule(func() {
			mu.Lock()
			d := time.Duration(r.IntN(8000))
			mu.Unlock()
			time.Sleep(d)
		})
		defer park.SetSchedule(nil)
		require.NoError(t, scope.Run(background, func(ctx context.Context) error {
			breakerRounds(t, ctx, rounds)
			return nil
		}))
	})
}

func breakerRounds(t *testing.T, ctx context.Context, rounds int) {
	var l csync.Lock
	round := func() {
		_ = l.Acquire(ctx)
		waiter := scope.Go(ctx, func(ctx context.Context) error {
			_ = l.Acquire(ctx)
			return l.Release(ctx)
		})
		park.Yield()
		park.Yield()
		_ = l.Release(ctx)
		_ = waiter.Wait(ctx)
	}
	for range 100 {
		round()
	}
	before := heap()
	for range rounds {
		round()
	}
	require.Less(t, heap()-before, int64(32<<10))
}
