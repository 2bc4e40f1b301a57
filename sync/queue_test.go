package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

var background = context.Background()

// R70: unbounded unless maxsize is positive; FIFO; zero values are items.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	testkit.Guard(t)
	var zero csync.Queue[int]
	for name, q := range map[string]*csync.Queue[int]{
		"zero value": &zero, "0": csync.NewQueue[int](0), "-1": csync.NewQueue[int](-1), "1000": csync.NewQueue[int](1000),
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, q.Empty())
			for i := range 1000 {
				require.NoError(t, q.Put(background, i))
			}
			require.Equal(t, 1000, q.Len())
			require.Equal(t, name == "1000", q.Full())
			for i := range 1000 {
				v, err := q.Get(background)
				require.NoError(t, err)
				require.Equal(t, i, v)
			}
			require.True(t, q.Empty())
		})
	}
	require.Zero(t, zero.MaxSize())
	require.Equal(t, 7, csync.NewQueue[int](7).MaxSize())
}

func TestTryNeverBlocks(t *testing.T) {
	testkit.Guard(t)
	q := csync.NewQueue[string](1)
	_, err := q.TryGet(background)
	require.ErrorIs(t, err, csync.ErrQueueEmpty)
	require.ErrorIs(t, err, csync.ErrWouldBlock)
	require.NoError(t, q.TryPut(background, "a"))
	err = q.TryPut(background, "b")
	require.ErrorIs(t, err, csync.ErrQueueFull)
	require.ErrorIs(t, err, csync.ErrWouldBlock)
	canceled, cancel := context.WithCancel(background)
	cancel()
	v, err := q.TryGet(canceled) // ctx only places the span
	require.NoError(t, err)
	require.Equal(t, "a", v)
}

// R2: in a cancelled ctx nothing is put or taken, although it could be.
func TestQueueCancelledBefore(t *testing.T) {
	testkit.Guard(t)
	err := scope.Run(background, func(ctx context.Context) error {
		q := csync.NewQueue[int](2)
		require.NoError(t, q.Put(ctx, 1))
		scope.From(ctx).Cancel(errors.New("enough"))
		require.ErrorIs(t, q.Put(ctx, 2), context.Canceled)
		_, err := q.Get(ctx)
		require.Same(t, scope.CauseOf(ctx), err)
		require.Equal(t, 1, q.Len())
		return nil
	})
	require.NoError(t, err)
}

// R5: a cancelled waiter leaves nothing behind, and its item is not stored.
func TestQueueCancelledWhileWaiting(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		q := csync.NewQueue[int](1)
		require.NoError(t, q.Put(background, 0))
		timedOut, err := scope.MoveOnAfter(background, time.Second, func(ctx context.Context) error {
			return q.Put(ctx, 1)
		})
		require.True(t, timedOut)
		require.NoError(t, err)
		v, err := q.TryGet(background)
		require.NoError(t, err)
		require.Zero(t, v)
		timedOut, _ = scope.MoveOnAfter(background, time.Second, func(ctx context.Context) error {
			_, err := q.Get(ctx)
			return err
		})
		require.True(t, timedOut)
		require.NoError(t, q.TryPut(background, 2)) // not handed to the getter that has gone
		require.Equal(t, 1, q.Len())
	})
}

// R4: waiting getters and putters are served first come, first served, and a
// Try call does not overtake them.
func TestQueueFairness(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(background, func(ctx context.Context) error {
			q := csync.NewQueue[int](1)
			var got [3]int
			for i := range got {
				scope.Go(ctx, func(ctx context.Context) (err error) {
					got[i], err = q.Get(ctx)
					return err
				})
				synctest.Wait()
			}
			for i := range got {
				require.NoError(t, q.TryPut(ctx, i+1))
				_, err := q.TryGet(ctx)
				require.ErrorIs(t, err, csync.ErrQueueEmpty)
			}
			synctest.Wait()
			require.Equal(t, [3]int{1, 2, 3}, got)

			for i := range 4 {
				scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, i) })
				synctest.Wait()
			}
			for i := range 4 {
				require.ErrorIs(t, q.TryPut(ctx, 99), csync.ErrQueueFull)
				v, err := q.Get(ctx)
				require.NoError(t, err)
				require.Equal(t, i, v)
			}
			return nil
		})
		require.NoError(t, err)
	})
}

// R71: Close wakes putters, their items are not stored; what is in can be
// taken; then gets fail. CloseNow drops and returns the rest.
func TestQueueClose(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(background, func(ctx context.Context) error {
			q := csync.NewQueue[int](2)
			require.NoError(t, q.Put(ctx, 1))
			require.NoError(t, q.Put(ctx, 2))
			putter := scope.Go(ctx, func(ctx context.Context) error {
				require.ErrorIs(t, q.Put(ctx, 3), csync.ErrQueueClosed)
				return nil
			})
			synctest.Wait()
			q.Close()
			q.Close()
			require.NoError(t, putter.Wait(ctx))
			require.ErrorIs(t, q.Put(ctx, 4), csync.ErrQueueClosed)
			require.ErrorIs(t, q.TryPut(ctx, 4), csync.ErrQueueClosed)
			v, err := q.Get(ctx)
			require.NoError(t, err)
			require.Equal(t, 1, v)
			require.Equal(t, []int{2}, q.CloseNow())
			require.Empty(t, q.CloseNow())
			_, err = q.Get(ctx)
			require.ErrorIs(t, err, csync.ErrQueueClosed)
			_, err = q.TryGet(ctx)
			require.ErrorIs(t, err, csync.ErrQueueClosed)
			return nil
		})
		require.NoError(t, err)
	})
}

func TestCloseWakesGetters(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		q := new(csync.Queue[int])
		var errs [3]error
		err := scope.Run(background, func(ctx context.Context) error {
			for i := range errs {
				scope.Go(ctx, func(ctx context.Context) error {
					_, errs[i] = q.Get(ctx)
					return nil
				})
			}
			synctest.Wait()
			q.Close()
			return nil
		})
		require.NoError(t, err)
		for _, err := range errs {
			require.ErrorIs(t, err, csync.ErrQueueClosed)
		}
	})
}

// The live tree says who waits for which queue.
func TestQueueInTheTree(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(background, func(ctx context.Context) error {
			q := csync.NewQueue[int](1, csync.Name("jobs"), nil)
			scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
			synctest.Wait()
			task := scope.From(ctx).Snapshot().Tasks[0]
			require.Equal(t, "queue.get", task.WaitingOn.Kind)
			require.Equal(t, "jobs", task.WaitingOn.Name)
			q.Close()
			return nil
		}, scope.PanicsAsErrors())
		require.ErrorIs(t, err, csync.ErrQueueClosed)
	})
}

// R3: every item put is taken exactly once, or still there, whatever is
// cancelled when; each putter's items arrive in its order.
func TestQueueStorm(t *testing.T) {
	testkit.Guard(t)
	const putters, getters = 16, 16
	each := invariant.Few(2000)
	for _, size := range []int{0, 1, 4, 64} {
		q := csync.NewQueue[[2]int](size)
		var stored, taken [putters][]int
		var mu sync.Mutex
		take := func(v [2]int) {
			mu.Lock()
			defer mu.Unlock()
			taken[v[0]] = append(taken[v[0]], v[1])
		}
		var left atomic.Int64
		left.Store(putters)
		err := scope.Run(background, func(ctx context.Context) error {
			for p := range putters {
				scope.Go(ctx, func(ctx context.Context) error {
					defer func() {
						if left.Add(-1) == 0 {
							q.Close()
						}
					}()
					rnd := rand.New(rand.NewPCG(uint64(p), 1))
					for i := range each {
						err := briefly(ctx, rnd, func(ctx context.Context) error { return q.Put(ctx, [2]int{p, i}) })
						if err == nil {
							stored[p] = append(stored[p], i)
						}
					}
					return nil
				})
			}
			for g := range getters {
				scope.Go(ctx, func(ctx context.Context) error {
					rnd := rand.New(rand.NewPCG(uint64(g), 2))
					for {
						var v [2]int
						err := briefly(ctx, rnd, func(ctx context.Context) (err error) { v, err = q.Get(ctx); return err })
						if errors.Is(err, csync.ErrQueueClosed) {
							return nil
						}
						if err == nil {
							take(v)
						}
					}
				})
			}
			return nil
		})
		require.NoError(t, err)
		require.Zero(t, q.Len())
		for p := range putters {
			require.ElementsMatch(t, stored[p], taken[p], "maxsize %d, putter %d", size, p)
		}
	}
}

// briefly calls f under a ctx that may be cancelled at any moment.
func briefly(ctx context.Context, rnd *rand.Rand, f func(context.Context) error) error {
	if rnd.IntN(3) > 0 {
		return f(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	if rnd.IntN(2) == 0 {
		stop := context.AfterFunc(ctx, func() {})
		defer stop()
		go cancel()
	}
	defer cancel()
	return f(ctx)
}

// A drained queue gives its memory back and keeps no item alive.
func TestQueueMemory(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	q := new(csync.Queue[*[1 << 10]byte])
	for range 1000 {
		require.NoError(t, q.Put(background, new([1 << 10]byte)))
	}
	for range 1000 {
		_, err := q.Get(background)
		require.NoError(t, err)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = q.Put(background, nil)
		_, _ = q.Get(background)
	}))
}
