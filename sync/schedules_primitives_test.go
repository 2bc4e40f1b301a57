package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// R74, R3: Set wakes everybody who waits at that moment, whatever Clear does and
// whoever is cancelled; nobody else's wait is disturbed.
func TestSchedulesOfEvent(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		e := csync.NewEvent(csync.Name("e"))
		victim := r.IntN(4)
		coming := r.IntN(2) == 0 // the event is set while they come, and stays so
		moment := time.Duration(1 + r.IntN(6000))
		if !coming {
			moment = time.Millisecond // they wait
		}
		var woken atomic.Int32
		err := scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := scope.Sleep(ctx, moment)
				e.Set()
				if !coming {
					e.Clear()
				}
				return err
			})
			var waiters []*scope.Child
			for range 3 {
				waiters = append(waiters, scope.Go(ctx, func(ctx context.Context) error {
					err := e.Wait(ctx)
					if err == nil {
						woken.Add(1)
					}
					return err
				}))
			}
			if victim < len(waiters) {
				scope.Go(ctx, func(ctx context.Context) error {
					err := scope.Sleep(ctx, moment)
					waiters[victim].Cancel(nil)
					return err
				})
			}
			for i, c := range waiters {
				if err := c.Wait(ctx); err != nil && i != victim {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, woken.Load(), int32(2))
		require.Equal(t, coming, e.IsSet())
	})
}

// R2, R3, R75: one owner at a time; a claim that is cancelled in the instant it
// is granted either holds, or passes the lock on.
func TestSchedulesOfLock(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		l := csync.NewLock(csync.Name("l"))
		victims := map[int]bool{r.IntN(4): true, r.IntN(8): true}
		inside, got := 0, 0
		err := scope.Run(ctx, func(ctx context.Context) error {
			for i := range 4 {
				c := scope.Go(ctx, func(ctx context.Context) error {
					if err := l.Acquire(ctx); err != nil {
						return err
					}
					inside++ // unguarded on purpose: the lock guards it
					if inside != 1 {
						return errors.New("two owners")
					}
					got++
					_ = scope.Checkpoint(ctx)
					inside--
					return l.Release(ctx)
				})
				if victims[i] {
					scope.Go(ctx, func(context.Context) error { c.Cancel(nil); return nil })
				}
			}
			return nil
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, got, 2)
		require.False(t, l.Locked())
		require.Zero(t, l.Stats().Waiters)
	})
}

// R75: an owner that ends without releasing breaks the lock for who waits, and
// leaves nobody waiting for ever.
func TestSchedulesOfBrokenLock(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, _ *rand.Rand) {
		l := csync.NewLock(csync.Name("l"))
		err := scope.Run(ctx, func(ctx context.Context) error {
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					if err := l.Acquire(ctx); err != nil && !errors.Is(err, csync.ErrBrokenLock) {
						return err
					}
					return nil // and does not release
				})
			}
			return nil
		})
		require.NoError(t, err)
		require.Zero(t, l.Stats().Waiters)
	})
}

// R76: a notification to a waiter that is being cancelled goes to the next; Wait
// holds the lock again, also when it was cancelled.
func TestSchedulesOfCondition(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		l := csync.NewLock(csync.Name("l"))
		c := csync.NewCondition(l, csync.Name("c"))
		notified, inside := 0, 0
		victim := r.IntN(2)
		err := scope.Run(ctx, func(ctx context.Context) error {
			var waiters []*scope.Child
			for range 2 {
				waiters = append(waiters, scope.Go(ctx, func(ctx context.Context) (err error) {
					if err := c.Acquire(ctx); err != nil {
						return err
					}
					err = c.Wait(ctx)
					inside++
					if inside != 1 {
						err = errors.New("waits without the lock")
					}
					if err == nil {
						notified++
					}
					_ = scope.Checkpoint(ctx)
					inside--
					return errors.Join(err, c.Release(ctx))
				}))
			}
			if err := scope.Sleep(ctx, time.Millisecond); err != nil { // now they wait
				return err
			}
			scope.Go(ctx, func(context.Context) error { waiters[victim].Cancel(nil); return nil })
			scope.Go(ctx, func(ctx context.Context) error {
				if err := c.Acquire(ctx); err != nil {
					return err
				}
				return errors.Join(c.Notify(ctx, 1), c.Release(ctx))
			})
			if err := scope.Sleep(ctx, time.Second); err != nil {
				return err
			}
			if notified != 1 { // either was, whoever was cancelled
				t.Errorf("%d were notified", notified)
			}
			for _, w := range waiters {
				w.Cancel(nil)
			}
			return nil
		})
		require.NoError(t, err)
		require.False(t, l.Locked())
	})
}

// R2, R3, R77: permits and tokens are neither lost nor made; a limiter that
// shrinks and grows wakes the right number.
func TestSchedulesOfPermits(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		s := csync.NewSemaphore(1, csync.Name("s"))
		l := csync.NewCapacityLimiter(2, csync.Name("l"))
		var mu sync.Mutex
		most, now := 0, 0
		enter := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			now += n
			most = max(most, now)
		}
		victim := r.IntN(4)
		err := scope.Run(ctx, func(ctx context.Context) error {
			for i := range 4 {
				c := scope.Go(ctx, func(ctx context.Context) error {
					if err := l.Acquire(ctx); err != nil {
						return err
					}
					enter(1)
					_ = scope.Checkpoint(ctx)
					enter(-1)
					if err := l.Release(ctx); err != nil {
						return err
					}
					if err := s.Acquire(ctx); err != nil {
						return err
					}
					return s.Release()
				})
				if i == victim {
					scope.Go(ctx, func(context.Context) error { c.Cancel(nil); return nil })
				}
			}
			scope.Go(ctx, func(context.Context) error {
				return errors.Join(l.SetTotal(1), l.SetTotal(3), l.SetTotal(2))
			})
			return nil
		})
		require.NoError(t, err)
		require.LessOrEqual(t, most, 3)
		require.Equal(t, 1, s.Value())
		require.Zero(t, l.Borrowed())
		require.Equal(t, 2, l.Available())
		require.Zero(t, l.Waiters())
	})
}

// R78: per key one holder, and an unused key takes no memory.
func TestSchedulesOfResourceLock(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		l := csync.NewResourceLock[int](csync.Name("l"))
		victim := r.IntN(5)
		var inside [2]int
		err := scope.Run(ctx, func(ctx context.Context) error {
			for i := range 5 {
				key := i % 2
				c := scope.Go(ctx, func(ctx context.Context) error {
					return l.Do(ctx, key, func(ctx context.Context) error {
						inside[key]++
						if inside[key] != 1 {
							return errors.New("two holders")
						}
						_ = scope.Checkpoint(ctx)
						inside[key]--
						return nil
					})
				})
				if i == victim {
					scope.Go(ctx, func(context.Context) error { c.Cancel(nil); return nil })
				}
			}
			return nil
		})
		require.NoError(t, err)
		require.Zero(t, l.Len())
	})
}

// All parties of a barrier pass, or none; a break reaches everybody.
func TestSchedulesOfBarrier(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		b := csync.NewBarrier(3)
		broken := r.IntN(2) == 0
		var passed, failed atomic.Int32
		err := scope.Run(ctx, func(ctx context.Context) error {
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					switch _, err := b.Wait(ctx); {
					case err == nil:
						passed.Add(1)
					case errors.Is(err, csync.ErrBrokenBarrier):
						failed.Add(1)
					default:
						return err
					}
					return nil
				})
			}
			if broken {
				scope.Go(ctx, func(context.Context) error { b.Break(); return nil })
			}
			return nil
		})
		require.NoError(t, err)
		require.Contains(t, []int32{0, 3}, passed.Load(), "all or none")
		require.EqualValues(t, 3, passed.Load()+failed.Load())
		require.True(t, broken || passed.Load() == 3)
	})
}

// R72: Join ends when every item was marked done, and not before.
func TestSchedulesOfJoin(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		q := csync.NewQueue[int](0)
		var done atomic.Int32
		drop := r.IntN(2) == 0
		err := scope.Run(ctx, func(ctx context.Context) error {
			for i := range 4 {
				if err := q.Put(ctx, i); err != nil {
					return err
				}
			}
			for range 2 {
				scope.Go(ctx, func(ctx context.Context) error {
					return q.Process(ctx, func(ctx context.Context, _ int) error {
						err := scope.Checkpoint(ctx)
						done.Add(1)
						return err
					})
				})
			}
			if drop {
				scope.Go(ctx, func(context.Context) error {
					done.Add(int32(len(q.CloseNow())))
					return nil
				})
			}
			err := q.Join(ctx)
			q.Close()
			return err
		})
		require.NoError(t, err)
		require.EqualValues(t, 4, done.Load())
	})
}
