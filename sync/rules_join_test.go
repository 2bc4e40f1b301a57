package sync_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// R72: Join returns when every item ever put was marked done; one call too many
// is an error and changes nothing.
func TestJoin(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		q := csync.NewQueue[int](2)
		require.NoError(t, q.Join(ctx)) // nothing was put
		require.ErrorIs(t, q.TaskDone(), csync.ErrTooManyDone)
		require.NoError(t, q.Put(ctx, 1))
		require.NoError(t, q.Put(ctx, 2))
		waits := scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 3) }) // not put yet
		synctest.Wait()
		require.Equal(t, 2, q.Stats().Unfinished)
		var joins [2]*scope.Child
		for i := range joins {
			joins[i] = scope.Go(ctx, q.Join)
		}
		synctest.Wait()
		for i := range 3 {
			require.Equal(t, scope.Running, joins[0].State())
			v, err := q.Get(ctx)
			require.NoError(t, err)
			require.Equal(t, i+1, v)
			synctest.Wait()
			require.Equal(t, scope.Running, joins[0].State())
			require.NoError(t, q.TaskDone())
			synctest.Wait()
		}
		require.NoError(t, waits.Wait(ctx))
		require.ErrorIs(t, q.TaskDone(), csync.ErrTooManyDone)
		for _, join := range joins {
			require.Equal(t, scope.Succeeded, join.State())
		}
		require.NoError(t, q.Join(ctx))
	})
}

// R72: what is handed to a getter directly counts too; CloseNow marks what it
// drops, Close does not.
func TestJoinAndClose(t *testing.T) {
	for name, q := range map[string]*csync.Queue[int]{
		"fifo": csync.NewQueue[int](0), "stack": csync.NewStack[int](0), "priority": csync.NewPriorityQueue(0, less),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
				synctest.Wait()
				for i := range 3 {
					require.NoError(t, q.Put(ctx, i))
				}
				join := scope.Go(ctx, q.Join)
				synctest.Wait()
				q.Close()
				require.Len(t, q.CloseNow(), 2)
				require.Empty(t, q.CloseNow())
				synctest.Wait()
				require.Equal(t, scope.Running, join.State())
				require.Equal(t, 1, q.Stats().Unfinished)
				require.NoError(t, q.TaskDone())
				require.NoError(t, join.Wait(ctx))
				require.ErrorIs(t, q.TaskDone(), csync.ErrTooManyDone)
			})
		})
	}
}

func TestStats(t *testing.T) {
	for name, q := range map[string]*csync.Queue[int]{
		"fifo":     csync.NewQueue[int](2, csync.Name("jobs")),
		"stack":    csync.NewStack[int](2, csync.Name("jobs")),
		"priority": csync.NewPriorityQueue(2, less, csync.Name("jobs")),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				require.Equal(t, csync.QueueStats{Name: "jobs", MaxSize: 2}, q.Stats())
				for i := range 4 {
					scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, i) })
					synctest.Wait()
					require.NoError(t, scope.Sleep(ctx, time.Second))
				}
				require.Equal(t, csync.QueueStats{
					Name: "jobs", Len: 2, MaxSize: 2, Peak: 2, WaitingPutters: 2, Unfinished: 2, Puts: 2,
					OldestAge: 4 * time.Second,
				}, q.Stats())
				for range 3 {
					_, err := q.Get(ctx)
					require.NoError(t, err)
				}
				if name != "stack" { // where the first one is still at the bottom
					require.Zero(t, q.Stats().OldestAge)
				}
				_, err := q.Get(ctx)
				require.NoError(t, err)
				scope.Go(ctx, func(ctx context.Context) error {
					_, err := q.Get(ctx)
					require.ErrorIs(t, err, csync.ErrQueueClosed)
					return nil
				})
				synctest.Wait()
				require.Equal(t, 1, q.Stats().WaitingGetters)
				q.Close()
				require.Equal(t, csync.QueueStats{
					Name: "jobs", MaxSize: 2, Peak: 2, Unfinished: 4, Puts: 4, Gets: 4, Closed: true,
				}, q.Stats())
			})
		})
	}
}

// A queue without a name looks at the clock once somebody has asked.
func TestStatsOfAnUnnamedQueue(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var q csync.Queue[int]
		require.NoError(t, q.Put(ctx, 1))
		require.NoError(t, scope.Sleep(ctx, time.Hour))
		require.Zero(t, q.Stats().OldestAge)
		require.NoError(t, scope.Sleep(ctx, time.Second))
		require.NoError(t, q.Put(ctx, 2))
		require.NoError(t, scope.Sleep(ctx, time.Second))
		require.Equal(t, 2*time.Second, q.Stats().OldestAge)
		_, _ = q.Get(ctx)
		require.Equal(t, time.Second, q.Stats().OldestAge)
	})
}

// R73: All ends at close, at ctx end and at break, and takes no more than the
// loop has begun with.
func TestAll(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		q := csync.NewQueue[int](0)
		for i := range 5 {
			require.NoError(t, q.Put(ctx, i))
		}
		var got []int
		for v := range q.All(ctx) {
			got = append(got, v)
			if v == 1 {
				break
			}
		}
		require.Equal(t, []int{0, 1}, got)
		require.Equal(t, 3, q.Len())

		canceled, cancel := context.WithCancel(ctx)
		defer cancel()
		for v := range q.All(canceled) {
			got = append(got, v)
			cancel()
		}
		require.Equal(t, []int{0, 1, 2}, got)

		done := scope.Go(ctx, func(ctx context.Context) error {
			for v := range q.All(ctx) {
				got = append(got, v)
			}
			return nil
		})
		synctest.Wait()
		require.Equal(t, scope.Running, done.State())
		q.Close()
		require.NoError(t, done.Wait(ctx))
		require.Equal(t, []int{0, 1, 2, 3, 4}, got)
		for range q.All(ctx) {
			t.Error("there is nothing")
		}
	})
}
