package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// seeds is under how many schedules each of these tests runs; CORRAL_SEEDS sets
// another number.
const seeds = 1000

// schedules runs body under seeds schedules, with what varies by the seed.
func schedules(t *testing.T, body func(t *testing.T, ctx context.Context, r *rand.Rand)) {
	t.Helper()
	testkit.Guard(t)
	testkit.Schedules(t, seeds, func(t *testing.T, ctx context.Context) error {
		body(t, ctx, rand.New(rand.NewPCG(testkit.Seed(ctx), 3)))
		return nil
	})
}

// items says, by identity, where each item is.
type items struct {
	mu       sync.Mutex // guards the rest
	put, out map[int]int
}

func newItems() *items { return &items{put: map[int]int{}, out: map[int]int{}} }

func (l *items) wasPut(v int) { l.mu.Lock(); l.put[v]++; l.mu.Unlock() }
func (l *items) wasOut(v int) { l.mu.Lock(); l.out[v]++; l.mu.Unlock() }

// agree checks I3: what was put came out, once.
func (l *items) agree(t *testing.T) {
	t.Helper()
	require.Equal(t, l.put, l.out, "put and not out, or the other way")
	for v, n := range l.out {
		require.Equal(t, 1, n, "item %d", v)
	}
}

// I3, I4, R2, R3: putters and getters, cancelled at any moment, on a queue that
// is closed at any moment, lose and duplicate nothing.
func TestSchedulesOfQueue(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		q := csync.NewQueue[int](r.IntN(3), csync.Name("q"))
		seen := newItems()
		var victims []*scope.Child
		closing := r.IntN(4)
		moments := []time.Duration{time.Duration(r.IntN(8000)), time.Duration(r.IntN(8000))}
		err := scope.Run(ctx, func(ctx context.Context) error {
			for p := range 3 {
				victims = append(victims, scope.Go(ctx, func(ctx context.Context) error {
					for i := range 2 {
						if err := q.Put(ctx, 10*p+i); err != nil {
							return expected(err)
						}
						seen.wasPut(10*p + i)
					}
					return nil
				}))
			}
			for range 3 {
				victims = append(victims, scope.Go(ctx, func(ctx context.Context) error {
					for range 2 {
						v, err := q.Get(ctx)
						if err != nil {
							return expected(err)
						}
						seen.wasOut(v)
					}
					return nil
				}))
			}
			victim := victims[r.IntN(len(victims))]
			scope.Go(ctx, func(context.Context) error {
				time.Sleep(moments[0])
				victim.Cancel(nil)
				return nil
			})
			scope.Go(ctx, func(context.Context) error {
				time.Sleep(moments[1])
				switch closing {
				case 0:
					q.Close()
				case 1:
					for _, v := range q.CloseNow() {
						seen.wasOut(v)
					}
				}
				return nil
			})
			// Who is left on one side, because somebody was cancelled on the other.
			scope.Go(ctx, func(ctx context.Context) error {
				defer q.Close()
				err := scope.Sleep(ctx, time.Second)
				require.GreaterOrEqual(t, victim.State(), scope.Succeeded, "I5: cancelled, and still there")
				for _, c := range scope.From(ctx).Snapshot().Tasks {
					if c.WaitingOn != nil && c.WaitingOn.Kind == "queue.get" {
						require.Zero(t, q.Len(), "I12: a getter waits, and there are items")
					}
				}
				return err
			})
			return nil
		})
		require.NoError(t, err)
		for _, v := range q.CloseNow() {
			seen.wasOut(v)
		}
		seen.agree(t)
	})
}

// R3, I5, I12: an item is put while the first of two getters is cancelled, or a
// place is freed while the first of two putters is: the other one is served. And
// who is cancelled ends, whether or not it has come to wait.
func TestSchedulesOfHandOver(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		q := csync.NewQueue[int](1, csync.Name("q"))
		getting := r.IntN(2) == 0
		waiting := r.IntN(2) == 0 // or else they are cancelled while they come, and served later
		moment := time.Duration(r.IntN(3000))
		if !getting {
			require.NoError(t, q.Put(ctx, 0))
		}
		use := func(ctx context.Context) error {
			if getting {
				_, err := q.Get(ctx)
				return err
			}
			return q.Put(ctx, 1)
		}
		serve := func(ctx context.Context) error {
			if getting {
				return q.Put(ctx, 1)
			}
			_, err := q.Get(ctx)
			return err
		}
		err := scope.Run(ctx, func(ctx context.Context) error {
			first := scope.Go(ctx, use)
			second := scope.Go(ctx, use)
			if waiting {
				time.Sleep(time.Millisecond)
				scope.Go(ctx, serve)
			}
			scope.Go(ctx, func(context.Context) error {
				time.Sleep(moment)
				first.Cancel(nil)
				return nil
			})
			time.Sleep(time.Second)
			require.GreaterOrEqual(t, first.State(), scope.Succeeded, "I5: cancelled, and still there")
			if !waiting {
				if err := serve(ctx); err != nil {
					return err
				}
				time.Sleep(time.Second)
			}
			served := 0
			for _, c := range []*scope.Child{first, second} {
				if c.State() == scope.Succeeded {
					served++
				}
			}
			require.Equal(t, 1, served, "one of them")
			second.Cancel(nil)
			return nil
		})
		require.NoError(t, err)
	})
}

// I3, I4, R3, R5: getters and putters that give up and wait again, in the instant
// they are served, lose nothing and leave nothing behind that takes what is meant
// for their next wait.
func TestSchedulesOfTimeouts(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		const n = 3
		q := csync.NewQueue[int](1)
		seen := newItems()
		limit := time.Duration(1 + r.IntN(4000))
		retry := func(ctx context.Context, f fn) error {
			for limit := limit; ; limit *= 2 {
				timedOut, err := scope.MoveOnAfter(ctx, limit, f)
				if !timedOut || err != nil {
					return err
				}
			}
		}
		err := scope.Run(ctx, func(ctx context.Context) error {
			for p := range 2 {
				scope.Go(ctx, func(ctx context.Context) error {
					for i := range n {
						v := 10*p + i
						if err := retry(ctx, func(ctx context.Context) error {
							err := q.Put(ctx, v)
							if err == nil {
								seen.wasPut(v)
							}
							return err
						}); err != nil {
							return err
						}
					}
					return nil
				})
				scope.Go(ctx, func(ctx context.Context) error {
					for range n {
						if err := retry(ctx, func(ctx context.Context) error {
							v, err := q.Get(ctx)
							if err == nil {
								seen.wasOut(v)
							}
							return err
						}); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return nil
		})
		require.NoError(t, err)
		require.Len(t, seen.put, 2*n)
		seen.agree(t)
	})
}

type fn = func(ctx context.Context) error

// expected passes a failure on, and takes the end of a queue for none.
func expected(err error) error {
	if errors.Is(err, csync.ErrQueueClosed) {
		return nil
	}
	return err
}
