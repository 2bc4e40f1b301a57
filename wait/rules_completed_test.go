package wait_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/wait"
)

// indices goes through a sequence and returns the indices, having looked
// whether each comes with its own thing.
func indices[A comparable](t *testing.T, aws []A, seq iter.Seq2[int, A]) (is []int) {
	t.Helper()
	for i, aw := range seq {
		require.True(t, aws[i] == aw)
		is = append(is, i)
	}
	return is
}

// R64: in the order in which they end, each once, with its index; what is done
// comes first, in its own order.
func TestAsCompleted(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		done := []*task.Future[int]{{}, {}}
		_ = done[1].SetResult(1)
		_ = done[0].SetError(errA)
		other, stop := context.WithTimeout(bg, 2*time.Second)
		defer stop()
		slow := task.Go(ctx, after(4*time.Second, 1, nil))
		child := scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, 3*time.Second) })
		quick := task.Go(ctx, after(time.Second, 1, nil))
		all := aws{slow, child, done[0], other, quick, done[1], slow, done[0]}
		seq := wait.AsCompleted(ctx, all)
		begin := time.Now()
		require.Equal(t, []int{2, 5, 4, 3, 1, 0}, indices(t, all, seq))
		require.Equal(t, 4*time.Second, time.Since(begin))
		require.Equal(t, []int{0, 1, 2, 3, 4, 5}, indices(t, all, seq), "a second range begins anew")
		require.Empty(t, indices(t, nil, wait.AsCompleted(ctx, aws{})))
	})
}

// R64: what ends while the loop's body runs is kept, in its order.
func TestAsCompletedKeepsTheOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		fs := []*task.Future[int]{{}, {}, {}, {}}
		_ = fs[0].SetResult(1)
		var order []int
		for i := range wait.AsCompleted(ctx, fs) {
			if order = append(order, i); i == 0 {
				for _, j := range []int{3, 1, 2} {
					_ = fs[j].SetResult(1)
				}
			}
		}
		require.Equal(t, []int{0, 3, 1, 2}, order)
	})
}

// R64: leaving the loop early cancels nothing, and nothing is left: no watcher
// (the futures do not know of the loop), no goroutine (goleak, and the bubble).
func TestAsCompletedLeftEarly(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		other, stop := plain()
		x, y := task.Go(ctx, after(time.Second, 1, nil)), task.Go(ctx, after(time.Minute, 2, nil))
		for i := range wait.AsCompleted(ctx, aws{y, x, other}) {
			require.Equal(t, 1, i)
			break
		}
		require.PanicsWithValue(t, "out", func() {
			for range wait.AsCompleted(ctx, aws{y, x, other}) {
				panic("out")
			}
		})
		stop()
		v, err := y.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

// R64, R2: the loop ends when ctx is cancelled: before, while it waits, and
// between two things, also if the next is done already.
func TestAsCompletedCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		fs := []*task.Future[int]{{}, {}, {}}
		_ = fs[0].SetResult(1)
		_ = fs[1].SetResult(1)
		require.Empty(t, indices(t, fs, wait.AsCompleted(gone(), fs)))

		s := scope.New()
		require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
			for i := range wait.AsCompleted(ctx, fs) {
				require.Zero(t, i)
				s.Cancel(nil)
			}
			return scope.CauseOf(ctx)
		}))

		x := scope.Go(ctx, func(ctx context.Context) error {
			require.Equal(t, []int{0, 1}, indices(t, fs, wait.AsCompleted(ctx, fs)))
			return scope.CauseOf(ctx)
		})
		synctest.Wait()
		require.True(t, x.Cancel(nil))
		<-x.Done()
		require.Equal(t, scope.Canceled, x.State())
		require.False(t, fs[2].IsDone())
	})
}
