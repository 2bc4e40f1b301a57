package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// job is an item with a priority and an identity.
type job struct{ priority, id int }

func sooner(a, b job) bool { return a.priority < b.priority }

// The least comes first, ties in the order they were put, against a dumb model.
func TestPriorityQueueOrder(t *testing.T) {
	testkit.Guard(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	q := csync.NewPriorityQueue(0, sooner)
	var model []job
	for i := range invariant.Few(20_000) {
		require.Equal(t, len(model), q.Len())
		if rnd.IntN(5) < 3 || len(model) == 0 {
			j := job{rnd.IntN(20), i}
			require.NoError(t, q.Put(background, j))
			at, _ := slices.BinarySearchFunc(model, j.priority+1, func(m job, p int) int { return m.priority - p })
			model = slices.Insert(model, at, j)
			continue
		}
		j, err := q.TryGet(background)
		require.NoError(t, err)
		require.Equal(t, model[0], j)
		model = model[1:]
	}
	require.Equal(t, model, q.CloseNow())
}

func TestStackOrder(t *testing.T) {
	testkit.Guard(t)
	q := csync.NewStack[int](0)
	var model []int
	rnd := rand.New(rand.NewPCG(1, 3))
	for i := range invariant.Few(10_000) {
		if rnd.IntN(5) < 3 || len(model) == 0 {
			require.NoError(t, q.Put(background, i))
			model = append(model, i)
			continue
		}
		v, err := q.Get(background)
		require.NoError(t, err)
		require.Equal(t, model[len(model)-1], v)
		model = model[:len(model)-1]
	}
	slices.Reverse(model)
	require.Equal(t, model, q.CloseNow())
}

// R4, R70: a bound means the same whatever the order: a putter that waits enters
// as soon as there is room, and a getter that waits gets what is put.
func TestOrderedQueuesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		q    *csync.Queue[int]
		want []int // after 5 and 4 were put, and 1, 3 and 2 waited
	}{
		"fifo":     {csync.NewQueue[int](2), []int{5, 4, 1, 3, 2}},
		"stack":    {csync.NewStack[int](2), []int{4, 1, 3, 2, 5}},
		"priority": {csync.NewPriorityQueue(2, less), []int{4, 1, 3, 2, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				q := c.q
				require.NoError(t, q.Put(ctx, 5))
				require.NoError(t, q.Put(ctx, 4))
				for _, v := range []int{1, 3, 2} {
					scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, v) })
					synctest.Wait()
				}
				require.True(t, q.Full())
				var got []int
				for range 5 {
					require.ErrorIs(t, q.TryPut(ctx, 0), csync.ErrQueueFull) // also while the one that entered has not run yet
					v, err := q.TryGet(ctx)
					require.NoError(t, err)
					got = append(got, v)
					if len(got) == 3 {
						break
					}
				}
				for !q.Empty() {
					v, err := q.Get(ctx)
					require.NoError(t, err)
					got = append(got, v)
				}
				require.Equal(t, c.want, got)

				getter := scope.Go(ctx, func(ctx context.Context) error {
					v, err := q.Get(ctx)
					require.Equal(t, 9, v)
					return err
				})
				synctest.Wait()
				require.NoError(t, q.Put(ctx, 9))
				require.NoError(t, q.Put(ctx, 0))
				require.NoError(t, getter.Wait(ctx))
				require.Equal(t, []int{0}, q.CloseNow())
			})
		})
	}
}

// R6: less runs with nothing locked: while it is stuck in one getter, every other
// call goes on, another getter too, and nothing is lost.
func TestLessThatBlocks(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		wait, open := gate()
		var stuck atomic.Bool
		var q *csync.Queue[int]
		q = csync.NewPriorityQueue(4, func(a, b int) bool {
			if stuck.CompareAndSwap(true, false) {
				_ = wait(background)
				_ = q.Len() // and it may call back
			}
			return a < b
		})
		for _, v := range []int{3, 1, 2} {
			require.NoError(t, q.Put(ctx, v))
		}
		stuck.Store(true)
		first := -1
		getter := scope.Go(ctx, func(ctx context.Context) (err error) {
			first, err = q.Get(ctx)
			return err
		})
		synctest.Wait()
		require.Equal(t, 2, q.Len()) // its item is taken
		v, err := q.TryGet(ctx)      // finds out both
		require.NoError(t, err)
		require.Equal(t, 2, v)
		require.NoError(t, q.TryPut(ctx, 0))
		require.Equal(t, csync.QueueStats{MaxSize: 4, Len: 2, Peak: 3, Unfinished: 4, Puts: 4, Gets: 2}, q.Stats())
		v, err = q.Get(ctx)
		require.NoError(t, err)
		require.Equal(t, 0, v)
		require.Equal(t, scope.Running, getter.State())
		open()
		require.NoError(t, getter.Wait(ctx))
		require.Equal(t, 1, first)
		require.Equal(t, []int{3}, q.CloseNow())
	})
}

// A panicking less is its caller's: nothing was taken, nothing is lost, and the
// queue goes on.
func TestLessThatPanics(t *testing.T) {
	testkit.Guard(t)
	var broken atomic.Bool
	q := csync.NewPriorityQueue(3, func(a, b int) bool {
		if broken.Load() {
			panic("oh")
		}
		return a < b
	})
	for _, v := range []int{3, 1, 2} {
		require.NoError(t, q.Put(background, v))
	}
	broken.Store(true)
	require.PanicsWithValue(t, "oh", func() { _, _ = q.Get(background) })
	require.PanicsWithValue(t, "oh", func() { _, _ = q.TryGet(background) })
	require.Equal(t, 3, q.Len())
	require.ErrorIs(t, q.TryPut(background, 0), csync.ErrQueueFull)
	require.PanicsWithValue(t, "oh", func() { q.CloseNow() })
	require.Equal(t, 3, q.Stats().Len)
	require.Equal(t, 3, q.Stats().Unfinished)
	broken.Store(false)
	v, err := q.Get(background)
	require.NoError(t, err)
	require.Equal(t, 1, v)
	require.Equal(t, []int{2, 3}, q.CloseNow())
	require.Zero(t, q.Stats().Unfinished-1) // the one that was got
}

// A getter that gives up in less, while another one waits because the queue
// seemed empty, leaves that one its item.
func TestLessThatPanicsForAnother(t *testing.T) {
	for how, end := range map[string]func(){"panic": func() { panic("oh") }, "goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				wait, open := gate()
				var stuck atomic.Bool
				q := csync.NewPriorityQueue(0, func(a, b int) bool {
					if stuck.CompareAndSwap(true, false) {
						_ = wait(background)
						end()
					}
					return a < b
				})
				require.NoError(t, q.Put(ctx, 2))
				require.NoError(t, q.Put(ctx, 1))
				stuck.Store(true)
				scope.Go(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error {
						_, err := q.Get(ctx)
						return err
					}, scope.PanicsAsErrors())
				}, scope.OnError(func(context.Context, error) bool { return true }))
				synctest.Wait()
				var got [2]int
				for i := range got {
					scope.Go(ctx, func(ctx context.Context) (err error) {
						got[i], err = q.Get(ctx)
						return err
					})
					synctest.Wait()
				}
				require.Equal(t, [2]int{2, 0}, got) // the second one waits
				require.Equal(t, 1, q.Stats().WaitingGetters)
				open()
				synctest.Wait()
				require.Equal(t, [2]int{2, 1}, got)
				require.Zero(t, q.Len())
				require.EqualValues(t, 2, q.Stats().Gets)
			})
		})
	}
}

// The same where nobody else has found out which item it was to be.
func TestLessThatPanicsFirst(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		wait, open := gate()
		var stuck atomic.Bool
		q := csync.NewPriorityQueue(0, func(a, b int) bool {
			if stuck.Load() {
				_ = wait(background)
			}
			if stuck.CompareAndSwap(true, false) {
				panic("oh")
			}
			return a < b
		})
		require.NoError(t, q.Put(ctx, 2))
		require.NoError(t, q.Put(ctx, 1))
		stuck.Store(true)
		tries := [3]int{}
		panicked := 0
		for i := range tries {
			scope.Go(ctx, func(ctx context.Context) (err error) {
				defer func() {
					if recover() != nil {
						panicked++
					}
				}()
				tries[i], err = q.Get(ctx)
				return err
			})
			synctest.Wait()
		}
		require.Equal(t, 1, q.Stats().WaitingGetters)
		open()
		synctest.Wait()
		require.Equal(t, 1, panicked)
		got := slices.Sorted(slices.Values(tries[:]))
		require.Equal(t, []int{0, 1, 2}, got)
	})
}

// One that gives up when another has found its item already, and nobody waits,
// puts it back; and the queue is longer than its bound only until the next get.
func TestLessThatPanicsTooLate(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		wait, open := gate()
		var stuck atomic.Bool
		q := csync.NewPriorityQueue(2, func(a, b int) bool {
			if stuck.CompareAndSwap(true, false) {
				_ = wait(background)
				panic("oh")
			}
			return a < b
		})
		require.NoError(t, q.Put(ctx, 2))
		require.NoError(t, q.Put(ctx, 1))
		stuck.Store(true)
		scope.Go(ctx, func(ctx context.Context) error {
			require.Panics(t, func() { _, _ = q.Get(ctx) })
			return nil
		})
		synctest.Wait()
		v, err := q.Get(ctx)
		require.NoError(t, err)
		require.Equal(t, 2, v)
		require.NoError(t, q.Put(ctx, 4))
		require.NoError(t, q.Put(ctx, 3))
		putter := scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 0) })
		synctest.Wait()
		open()
		synctest.Wait()
		require.Equal(t, 3, q.Len())
		for i, want := range []int{1, 3, 0, 4} {
			require.True(t, i > 1 || q.Full())
			require.Equal(t, i == 0, putter.State() == scope.Running && q.Len() > 2)
			v, err := q.Get(ctx)
			require.NoError(t, err)
			require.Equal(t, want, v)
		}
		require.NoError(t, putter.Wait(ctx))
		require.EqualValues(t, 5, q.Stats().Gets)
		require.Equal(t, 3, q.Stats().Peak)
	})
}

// Two are in less at the same time; the first gives up, and the other one has
// counted on that it takes the least.
func TestLessThatPanicsBesideAnother(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var gates [2]csync.Event
		var calls atomic.Int64
		calls.Store(2)
		q := csync.NewPriorityQueue(0, func(a, b int) bool {
			switch calls.Add(1) {
			case 1:
				_ = gates[0].Wait(background)
				panic("oh")
			case 2:
				_ = gates[1].Wait(background)
			}
			return a < b
		})
		for _, v := range []int{3, 1, 2} {
			require.NoError(t, q.Put(ctx, v))
		}
		calls.Store(0)
		scope.Go(ctx, func(ctx context.Context) error {
			require.Panics(t, func() { _, _ = q.Get(ctx) })
			return nil
		})
		synctest.Wait()
		second := scope.Go(ctx, func(ctx context.Context) error {
			v, err := q.Get(ctx)
			require.Equal(t, 1, v)
			return err
		})
		synctest.Wait()
		gates[0].Set()
		synctest.Wait()
		gates[1].Set()
		require.NoError(t, second.Wait(ctx))
		require.Equal(t, []int{2, 3}, q.CloseNow())
	})
}

// A panic in the middle of CloseNow loses nothing.
func TestLessThatPanicsInCloseNow(t *testing.T) {
	testkit.Guard(t)
	var left atomic.Int64
	left.Store(1 << 30)
	q := csync.NewPriorityQueue(0, func(a, b int) bool {
		if left.Add(-1) < 0 {
			panic("oh")
		}
		return a < b
	})
	for i := range 20 {
		require.NoError(t, q.Put(background, 20-i))
	}
	left.Store(25) // enough for the first few
	require.Panics(t, func() { q.CloseNow() })
	require.Equal(t, 20, q.Len())
	require.Equal(t, 20, q.Stats().Unfinished)
	require.Zero(t, q.Stats().Gets)
	require.ErrorIs(t, q.TryPut(background, 1), csync.ErrQueueClosed)
	left.Store(1 << 30)
	dropped := q.CloseNow()
	require.Len(t, dropped, 20)
	require.True(t, slices.IsSorted(dropped))
}

// R3: identities and order, in a real race: each getter sees, of each putter's
// items of one priority, the earlier ones first.
func TestOrderedStorm(t *testing.T) {
	testkit.Guard(t)
	const putters, getters = 8, 8
	each := invariant.Few(500)
	for name, q := range map[string]*csync.Queue[job]{
		"priority":           csync.NewPriorityQueue(0, sooner),
		"priority, bounded":  csync.NewPriorityQueue(4, sooner),
		"priority, bound 1":  csync.NewPriorityQueue(1, sooner),
		"stack":              csync.NewStack[job](0),
		"stack, bounded":     csync.NewStack[job](4),
		"priority, all ties": csync.NewPriorityQueue(16, func(job, job) bool { return false }),
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			stored, taken := map[job]int{}, map[job]int{}
			var left atomic.Int64
			left.Store(putters)
			require.NoError(t, scope.Run(background, func(ctx context.Context) error {
				for p := range putters {
					scope.Go(ctx, func(ctx context.Context) error {
						rnd := rand.New(rand.NewPCG(uint64(p), 8))
						for i := range each {
							j := job{rnd.IntN(5), p*each + i}
							if briefly(ctx, rnd, func(ctx context.Context) error { return q.Put(ctx, j) }) == nil {
								mu.Lock()
								stored[j]++
								mu.Unlock()
							}
						}
						if left.Add(-1) == 0 {
							q.Close()
						}
						return nil
					})
				}
				for g := range getters {
					scope.Go(ctx, func(ctx context.Context) error {
						rnd := rand.New(rand.NewPCG(uint64(g), 9))
						for {
							var j job
							err := briefly(ctx, rnd, func(ctx context.Context) (err error) { j, err = q.Get(ctx); return err })
							if errors.Is(err, csync.ErrQueueClosed) {
								return nil
							}
							if err == nil {
								mu.Lock()
								taken[j]++
								mu.Unlock()
							}
						}
					})
				}
				return nil
			}))
			require.Equal(t, stored, taken)
			require.Zero(t, q.Len())
			s := q.Stats()
			require.EqualValues(t, len(stored), s.Puts)
			require.EqualValues(t, len(stored), s.Gets)
			if s.MaxSize > 0 {
				require.LessOrEqual(t, s.Peak, s.MaxSize)
			}
		})
	}
}

func TestPriorityQueueNeedsLess(t *testing.T) {
	testkit.Guard(t)
	require.Panics(t, func() { csync.NewPriorityQueue[int](0, nil) })
}

// What was taken is not kept alive by a queue in which others are, nor by the
// entries that putters and getters waited with.
func TestTakenItemsAreNotKept(t *testing.T) {
	type item struct {
		n int
		_ [8]*int // not one of several in a block
	}
	for name, q := range map[string]*csync.Queue[*item]{
		"fifo":     csync.NewQueue[*item](4),
		"stack":    csync.NewStack[*item](4),
		"priority": csync.NewPriorityQueue(4, func(a, b *item) bool { return a.n < b.n }),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				var items []weak.Pointer[item]
				put := func() error {
					i := &item{n: len(items)}
					items = append(items, weak.Make(i))
					return q.Put(ctx, i)
				}
				take := func(ctx context.Context) (err error) { _, err = q.Get(ctx); return err }
				getter := scope.Go(ctx, take)
				synctest.Wait()
				for range 5 { // the first one goes to the getter
					require.NoError(t, put())
				}
				require.NoError(t, getter.Wait(ctx))
				putter := scope.Go(ctx, func(context.Context) error { return put() })
				synctest.Wait()
				for range 3 {
					require.NoError(t, take(ctx))
				}
				require.NoError(t, putter.Wait(ctx))
				runtime.GC()
				runtime.GC()
				alive := 0
				for _, w := range items {
					if w.Value() != nil {
						alive++
					}
				}
				require.Equal(t, 2, alive)
				runtime.KeepAlive(q)
			})
		})
	}
}

// A drained queue gives its memory back, and what was taken is not kept alive,
// in any order.
func TestQueuesGiveMemoryBack(t *testing.T) {
	testkit.Guard(t)
	type block [1 << 10]byte
	for name, q := range map[string]*csync.Queue[*block]{
		"fifo":     csync.NewQueue[*block](0),
		"stack":    csync.NewStack[*block](0),
		"priority": csync.NewPriorityQueue(0, func(a, b *block) bool { return a[0] < b[0] }),
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			for i := range 10_000 {
				b := new(block)
				b[0] = byte(i)
				require.NoError(t, q.Put(background, b))
			}
			for range 9_000 {
				_, err := q.Get(background)
				require.NoError(t, err)
			}
			require.Less(t, heap()-before, int64(2<<20)) // 1,000 of them are left
			for range 1_000 {
				_, err := q.Get(background)
				require.NoError(t, err)
			}
			require.Less(t, heap()-before, int64(64<<10))
			runtime.KeepAlive(q)
		})
	}
}
