package wait_test

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// gauge counts calls: those that run, the most there were, and all.
type gauge struct{ now, most, all atomic.Int64 }

func (g *gauge) enter() (leave func()) {
	g.all.Add(1)
	for n := g.now.Add(1); ; {
		if most := g.most.Load(); n <= most || g.most.CompareAndSwap(most, n) {
			return func() { g.now.Add(-1) }
		}
	}
}

// once is the integers from 0, for one pass: a second gets nothing. It counts
// what was taken. If n is negative there is no end.
func once(n int) (seq iter.Seq[int], taken *int) {
	taken = new(int)
	return func(yield func(int) bool) {
		for *taken != n {
			*taken++
			if !yield(*taken - 1) {
				return
			}
		}
	}, taken
}

// drain is what is in q, until it is closed or ctx is cancelled.
func drain(ctx context.Context, q *csync.Queue[int]) iter.Seq[int] {
	return func(yield func(int) bool) {
		for {
			if i, err := q.Get(ctx); err != nil || !yield(i) {
				return
			}
		}
	}
}

// R65: input order, at most limit at once, and indeed so many; a sequence that
// is good for one pass will do. (Python's wait hangs on a one-shot sequence.)
func TestMap(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		for limit, most := range map[int]int64{1: 1, 3: 3, 100: 20, 0: 20, -1: 20} {
			var g gauge
			seq, taken := once(20)
			vs, err := wait.Map(ctx, seq, limit, func(ctx context.Context, i int) (int, error) {
				defer g.enter()()
				return i * i, scope.Sleep(ctx, time.Duration(20-i)*time.Second)
			})
			require.NoError(t, err)
			require.Len(t, vs, 20)
			for i, v := range vs {
				require.Equal(t, i*i, v)
			}
			require.Equal(t, most, g.most.Load())
			require.Equal(t, 20, *taken)
		}
	})
	vs, err := wait.Map(bg, slices.Values([]string(nil)), 2, func(context.Context, string) (int, error) { return 1, nil })
	require.NoError(t, err)
	require.Equal(t, []int{}, vs)
}

// R65: the first failure cancels the rest, and nothing is taken any more: not
// of an infinite sequence either. All is joined, all failures are there.
func TestMapFails(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var g gauge
		seq, taken := once(-1)
		vs, err := wait.Map(ctx, seq, 4, func(ctx context.Context, i int) (int, error) {
			defer g.enter()()
			if i == 10 {
				_ = scope.Sleep(ctx, time.Second/2)
				return 0, errA
			}
			err := scope.Sleep(ctx, time.Second)
			if err != nil && i == 9 {
				time.Sleep(time.Second)
				return 0, errB
			}
			return i, err
		})
		require.Nil(t, vs)
		require.Equal(t, []error{errA, errB}, failuresOf(t, err))
		require.Zero(t, g.now.Load())
		require.LessOrEqual(t, g.most.Load(), int64(4))
		require.LessOrEqual(t, *taken, 12)
	})
}

// R65: an item is taken only when a call may begin with it: of 3 at once, the
// fourth stays where it is, and is not lost when they are cancelled.
func TestMapTakesNoMoreThanItNeeds(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		q := csync.NewQueue[int](0)
		for i := range 10 {
			require.NoError(t, q.Put(ctx, i))
		}
		x := scope.Go(ctx, func(ctx context.Context) error {
			return wait.ForEach(ctx, drain(ctx, q), 3, func(ctx context.Context, _ int) error { _, err := forever(ctx); return err })
		})
		synctest.Wait()
		require.Equal(t, 7, q.Len())
		require.True(t, x.Cancel(nil))
		<-x.Done()
		require.Equal(t, scope.Canceled, x.State())
		require.Equal(t, 7, q.Len())
	})
}

// R65: a call that spawns into the scope and waits for that does not wait for
// its own turn.
func TestMapLimitsCallsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		vs, err := wait.Map(ctx, slices.Values([]int{1, 2, 3}), 1, func(ctx context.Context, i int) (int, error) {
			return task.Go(ctx, after(time.Second, i, nil)).Wait(ctx)
		})
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3}, vs)
	})
}

// R34, R65: a panic, of the function or of the sequence, is raised when all
// have ended. The sequence runs on the caller's goroutine.
func TestMapPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var g gauge
		slow := func(ctx context.Context, i int) error {
			defer g.enter()()
			if i < 0 {
				_ = scope.Sleep(ctx, time.Second)
				panic("boom")
			}
			_, err := forever(ctx)
			time.Sleep(time.Second)
			return err
		}
		for _, seq := range []iter.Seq[int]{
			slices.Values([]int{1, 2, -1, 4}),
			func(yield func(int) bool) { _ = yield(1) && yield(2); panic("boom") },
		} {
			func() {
				defer func() {
					p, ok := recover().(*scope.PanicError)
					require.True(t, ok)
					require.Equal(t, "boom", p.Value)
					require.Zero(t, g.now.Load())
				}()
				_ = wait.ForEach(ctx, seq, 0, slow)
			}()
		}
	})
}

// R2, R65: cancelled before, nothing is taken; cancelled while the calls run,
// while the next waits for its turn, and while the sequence waits.
func TestMapCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		call := func(ctx context.Context, _ int) (int, error) { return forever(ctx) }
		seq, taken := once(10)
		vs, err := wait.Map(gone(), seq, 2, call)
		require.Nil(t, vs)
		canceledIs(t, scope.KindContext, err)
		require.Zero(t, *taken)

		q := csync.NewQueue[int](0)
		for name, run := range map[string]func(context.Context) (int, error){
			"calls": func(ctx context.Context) (int, error) {
				seq, _ := once(3)
				_, err := wait.Map(ctx, seq, 0, call)
				return 0, err
			},
			"turn": func(ctx context.Context) (int, error) {
				seq, _ := once(-1)
				_, err := wait.Map(ctx, seq, 2, call)
				return 0, err
			},
			// The sequence ends, with ctx, and no call runs: that is not all of it.
			"sequence": func(ctx context.Context) (int, error) {
				return 0, wait.ForEach(ctx, drain(ctx, q), 2, func(context.Context, int) error { return nil })
			},
		} {
			t.Log(name)
			s := scope.New()
			require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
				time.AfterFunc(time.Second, func() { s.Cancel(errA) })
				_, err := run(ctx)
				require.Equal(t, s.Cause(), err)
				return err
			}))
		}
	})
}

// R65: a result for each item, or an error, also if the scope, cancelled from
// within, has none.
func TestMapCancelledFromWithin(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		for _, cancel := range []func(context.Context){
			func(ctx context.Context) { scope.TaskFrom(ctx).Cancel(errA) },
			func(ctx context.Context) { scope.From(ctx).Cancel(errA) },
		} {
			vs, err := wait.Map(ctx, slices.Values([]int{1, 2, 3}), 1, func(ctx context.Context, i int) (int, error) {
				if i == 2 {
					cancel(ctx)
					return forever(ctx)
				}
				return i, nil
			})
			require.Nil(t, vs)
			require.ErrorIs(t, canceledIs(t, scope.KindExplicit, err), errA)
		}
		// The call has succeeded, but the third was not made.
		err := wait.ForEach(ctx, slices.Values([]int{1, 2, 3}), 1, func(ctx context.Context, i int) error {
			scope.From(ctx).Cancel(errA)
			return nil
		})
		require.ErrorIs(t, canceledIs(t, scope.KindExplicit, err), errA)
	})
}

// The caller's options shape the scope.
func TestMapOptions(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		call := func(ctx context.Context, i int) (int, error) {
			if i < 0 {
				return 0, errA
			}
			return i, scope.Sleep(ctx, time.Duration(i)*time.Second)
		}
		items := slices.Values([]int{1, 9, 2})

		_, err := wait.Map(ctx, items, 0, func(ctx context.Context, _ int) (int, error) {
			scope.From(ctx).Cancel(errA)
			return forever(ctx)
		}, scope.Timeout(5*time.Second), scope.MoveOn())
		canceledIs(t, scope.KindExplicit, err)

		_, err = wait.Map(ctx, items, 0, call, scope.Timeout(5*time.Second), nil)
		require.ErrorIs(t, canceledIs(t, scope.KindDeadline, err), context.DeadlineExceeded)

		for _, limit := range []int{0, 1} {
			vs, err := wait.Map(ctx, items, limit, call, scope.Timeout(5*time.Second), scope.MoveOn())
			require.NoError(t, err)
			require.Equal(t, [][]int{{1, 0, 2}, {1, 0}}[limit], vs)
		}

		var heard []error
		vs, err := wait.Map(ctx, slices.Values([]int{1, -1, 2}), 1, call, scope.Supervise(func(err error) { heard = append(heard, err) }))
		require.NoError(t, err)
		require.Equal(t, []int{1, 0, 2}, vs)
		require.Equal(t, []error{errA}, heard)

		var g gauge
		vs, err = wait.Map(ctx, items, 0, func(ctx context.Context, i int) (int, error) { defer g.enter()(); return call(ctx, i) }, scope.Limit(2))
		require.NoError(t, err)
		require.Equal(t, []int{1, 9, 2}, vs)
		require.EqualValues(t, 2, g.most.Load())

		err = wait.ForEach(ctx, items, 0, func(ctx context.Context, _ int) error {
			require.Equal(t, "fetch", scope.From(ctx).Name())
			panic("boom")
		}, scope.Name("fetch"), scope.PanicsAsErrors())
		require.ErrorContains(t, err, "boom")
	})
}

// R17, R65: a deadline that ends no call, since what runs does not listen and
// what would does not begin, is an error all the same, unless Map moves on.
func TestMapDeadlineBeforeACallBegan(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		call := func(_ context.Context, i int) (int, error) { time.Sleep(2 * time.Second); return i, nil }
		items := slices.Values([]int{1, 2})
		_, err := wait.Map(ctx, items, 1, call, scope.Timeout(time.Second))
		canceledIs(t, scope.KindDeadline, err)
		_, err = wait.Map(ctx, items, 0, call, scope.Timeout(time.Second), scope.Limit(1))
		canceledIs(t, scope.KindDeadline, err)
		vs, err := wait.Map(ctx, items, 1, call, scope.Timeout(time.Second), scope.MoveOn())
		require.NoError(t, err)
		require.Equal(t, []int{1}, vs)
	})
}

// R90: nil things are refused, before anything runs.
func TestMapMisuse(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	seq := slices.Values([]int{1})
	call := func(context.Context, int) error { t.Error("it has run"); return nil }
	require.PanicsWithValue(t, "wait: ForEach with a nil ctx: pass the ctx of the scope or task that waits", func() { _ = wait.ForEach(none, seq, 1, call) })
	require.PanicsWithValue(t, "wait: ForEach over a nil sequence: pass what to go through, slices.Values of a slice for one", func() { _ = wait.ForEach(bg, nil, 1, call) })
	require.PanicsWithValue(t, "wait: ForEach with a nil function: pass what to call for each item", func() { _ = wait.ForEach(bg, seq, 1, nil) })
	require.PanicsWithValue(t, "wait: Map with a nil function: pass what to call for each item", func() { _, _ = wait.Map[int, int](bg, seq, 1, nil) })
}

func double(_ context.Context, i int) (int, error) { return 2 * i, nil }

// R48: the tasks are named after the user's function.
func TestMapNames(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		x := scope.Go(ctx, func(ctx context.Context) error {
			return wait.ForEach(ctx, slices.Values([]int{1}), 1, sleepy)
		}, scope.Name("x"))
		synctest.Wait()
		tasks := scope.From(ctx).Snapshot().Tasks[0].Scopes[0].Tasks
		require.Equal(t, "foreach/sleepy", tasks[0].Path[len(tasks[0].Path)-len("foreach/sleepy"):])
		require.NoError(t, x.Wait(ctx))
	})
	vs, err := wait.Map(bg, slices.Values([]int{1, 2}), 1, double)
	require.NoError(t, err)
	require.Equal(t, []int{2, 4}, vs)
}

func sleepy(ctx context.Context, _ int) error { return scope.Sleep(ctx, time.Second) }

// The live tree shows that Map waits for a turn.
func TestMapInTheTree(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		scope.Go(ctx, func(ctx context.Context) error { return wait.ForEach(ctx, slices.Values([]int{1, 2}), 1, sleepy) })
		synctest.Wait()
		require.Equal(t, "wait.limit", scope.From(ctx).Snapshot().Tasks[0].WaitingOn.Kind)
	})
}
