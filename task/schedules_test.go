package task_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
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
		body(t, ctx, rand.New(rand.NewPCG(testkit.Seed(ctx), 2)))
		return nil
	})
}

// answers is what everybody has seen of one thing.
type answers struct {
	mu  sync.Mutex // guards all
	all map[string]bool
}

func (a *answers) add(v int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]bool{}
	}
	a.all[fmt.Sprint(v, err)] = true
}

// I6, R50, R52, R54: a future resolves once, whoever is first; all see the same;
// callbacks run once each, in order, after Done.
func TestSchedulesOfFuture(t *testing.T) {
	errA := errors.New("a")
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		f := task.NewFuture[int](ctx, task.Name("f"))
		var seen answers
		var mu sync.Mutex
		var calls []int
		wins := 0
		won := func(ok bool) {
			mu.Lock()
			defer mu.Unlock()
			if ok {
				wins++
			}
		}
		add := func(n int) {
			f.AddDoneCallback(func(f *task.Future[int]) {
				seen.add(f.Result())
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, n)
			})
		}
		givesUp := r.IntN(2) == 0
		err := scope.Run(ctx, func(ctx context.Context) error {
			add(0)
			for range 2 {
				scope.Go(ctx, func(ctx context.Context) error {
					v, err := f.Wait(ctx)
					if f.IsDone() {
						seen.add(v, err)
					}
					return nil
				})
			}
			waiter := scope.Go(ctx, func(ctx context.Context) error {
				_, err := f.Wait(ctx)
				return err
			}, scope.OnError(func(context.Context, error) bool { return true }))
			scope.Go(ctx, func(context.Context) error { won(f.SetResult(1) == nil); return nil })
			scope.Go(ctx, func(context.Context) error { won(f.SetError(errA) == nil); return nil })
			scope.Go(ctx, func(context.Context) error {
				if givesUp {
					waiter.Cancel(nil) // cancels the future, if it waits for it (R40)
				} else {
					won(f.Cancel(nil))
				}
				return nil
			})
			scope.Go(ctx, func(context.Context) error { add(1); return nil })
			return nil
		})
		require.NoError(t, err)
		require.True(t, f.IsDone())
		seen.add(f.Result())
		require.Len(t, seen.all, 1, "all see the same: %v", seen.all)
		require.LessOrEqual(t, wins, 1)
		if !givesUp {
			require.Equal(t, 1, wins)
		}
		require.ElementsMatch(t, []int{0, 1}, calls, "each callback once")
	})
}

// R41, R52: a task is done when it is done; waiters, callbacks and Result agree,
// also while it is cancelled.
func TestSchedulesOfTask(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		var seen answers
		deaf := r.IntN(2) == 0
		var tk *task.Task[int]
		removed, called := 0, 0
		err := scope.Run(ctx, func(ctx context.Context) error {
			over := false
			tk = task.Go(ctx, func(ctx context.Context) (int, error) {
				defer func() { over = true }()
				if err := scope.Checkpoint(ctx); err != nil && !deaf {
					return 0, err
				}
				return 1, nil
			})
			tk.AddDoneCallback(func(tk *task.Task[int]) {
				require.True(t, over || tk.Canceled())
				seen.add(tk.Result())
			})
			cb := tk.AddDoneCallback(func(*task.Task[int]) { called++ })
			scope.Go(ctx, func(ctx context.Context) error {
				v, err := tk.Wait(ctx)
				if !tk.IsDone() {
					return errors.New("a wait ended before its task")
				}
				seen.add(v, err)
				return nil
			})
			scope.Go(ctx, func(context.Context) error { tk.Cancel(nil); return nil })
			scope.Go(ctx, func(context.Context) error { removed = tk.RemoveDoneCallback(cb); return nil })
			return nil
		})
		require.NoError(t, err)
		seen.add(tk.Result())
		require.Len(t, seen.all, 1, "all see the same: %v", seen.all)
		require.Equal(t, 1, removed+called, "removed, or called")
	})
}

// R56: who waits for a task to announce itself gets the announcement, or why
// there is none, whenever it asks.
func TestSchedulesOfStart(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		announces := r.IntN(2) == 0
		var mu sync.Mutex
		var got []error
		err := scope.Run(ctx, func(ctx context.Context) error {
			st := task.Start(ctx, func(ctx context.Context, started func(string) error) (int, error) {
				if err := scope.Checkpoint(ctx); err != nil {
					return 0, err
				}
				if announces {
					if err := started("ready"); err != nil {
						return 0, err
					}
				}
				return 1, nil
			})
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					v, err := st.WaitStarted(ctx)
					if err == nil && v != "ready" {
						err = errors.New("what was not announced")
					}
					mu.Lock()
					defer mu.Unlock()
					got = append(got, err)
					return nil
				})
			}
			return nil
		})
		require.NoError(t, err)
		require.Len(t, got, 3)
		for _, err := range got {
			if announces {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, task.ErrNotStarted)
			}
		}
	})
}
