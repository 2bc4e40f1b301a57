package sync_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// Process calls fn with each item, marks it done on every path, and returns nil
// at the end of the queue.
func TestProcess(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		q := csync.NewQueue[int](0)
		var got []int
		worker := scope.Go(ctx, func(ctx context.Context) error {
			return q.Process(ctx, func(ctx context.Context, v int) error {
				require.NotNil(t, scope.TaskFrom(ctx))
				got = append(got, v)
				return nil
			})
		})
		for i := range 3 {
			require.NoError(t, q.Put(ctx, i))
		}
		require.NoError(t, q.Join(ctx))
		require.Equal(t, scope.Running, worker.State())
		require.NoError(t, q.Put(ctx, 3))
		q.Close()
		require.NoError(t, worker.Wait(ctx))
		require.Equal(t, []int{0, 1, 2, 3}, got)
		require.Zero(t, q.Stats().Unfinished)
	})
}

// The error of fn is returned at once, the cancellation is otherwise; the item
// that fn had is done in any case, the others stay.
func TestProcessEnds(t *testing.T) {
	testkit.Guard(t)
	for name, c := range map[string]struct {
		fn   func(ctx context.Context, cancel func()) error
		want error
	}{
		"error":     {func(context.Context, func()) error { return errStop }, errStop},
		"canceled":  {func(_ context.Context, cancel func()) error { cancel(); return nil }, context.Canceled},
		"too many":  {nil, csync.ErrTooManyDone},
		"in a wait": {func(ctx context.Context, cancel func()) error { cancel(); return scope.Checkpoint(ctx) }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			q := csync.NewQueue[int](0)
			require.NoError(t, q.Put(background, 1))
			if name == "too many" {
				c.fn = func(context.Context, func()) error { return q.TaskDone() }
			} else {
				require.NoError(t, q.Put(background, 2))
			}
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			calls := 0
			err := q.Process(ctx, func(ctx context.Context, v int) error {
				calls++
				require.Equal(t, 1, v)
				return c.fn(ctx, cancel)
			})
			require.ErrorIs(t, err, c.want)
			require.Equal(t, 1, calls)
			require.Equal(t, q.Len(), q.Stats().Unfinished)
		})
	}
	q := csync.NewQueue[int](0)
	require.Panics(t, func() { _ = q.Process(background, nil) })
}

// The item is marked done also if fn panics or ends the goroutine.
func TestProcessPanics(t *testing.T) {
	testkit.Guard(t)
	q := csync.NewQueue[int](0)
	require.NoError(t, q.Put(background, 1))
	require.PanicsWithValue(t, "oh", func() {
		_ = q.Process(background, func(context.Context, int) error { panic("oh") })
	})
	require.Zero(t, q.Stats().Unfinished)
	require.NoError(t, q.Put(background, 1))
	err := scope.Run(background, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			return q.Process(ctx, func(context.Context, int) error { runtime.Goexit(); return nil })
		})
		return nil
	})
	require.ErrorIs(t, err, scope.ErrGoexit)
	require.Zero(t, q.Stats().Unfinished)
}

// The stack of a panic in fn has the site of the panic.
func TestProcessPanicSite(t *testing.T) {
	testkit.Guard(t)
	q := csync.NewQueue[int](0)
	require.NoError(t, q.Put(background, 1))
	err := scope.Run(background, func(ctx context.Context) error {
		return q.Process(ctx, func(context.Context, int) error { return siteOfPanic() })
	}, scope.PanicsAsErrors())
	var p *scope.PanicError
	require.ErrorAs(t, err, &p)
	require.Contains(t, string(p.Stack), "siteOfPanic")
}

//go:noinline
func siteOfPanic() error { panic("here") }

// R3, R72: several workers share the items; a cancelled one loses none.
func TestProcessInSeveralWorkers(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		q := csync.NewQueue[int](0)
		var seen [100]int
		require.NoError(t, scope.Run(background, func(ctx context.Context) error {
			for i := range 4 {
				worker := scope.Go(ctx, func(ctx context.Context) error {
					return q.Process(ctx, func(_ context.Context, v int) error { seen[v]++; return nil })
				}, scope.Background())
				if i == 0 {
					worker.Cancel(errStop)
				}
			}
			for i := range seen {
				require.NoError(t, q.Put(ctx, i))
			}
			return q.Join(ctx)
		}))
		for i, n := range seen {
			require.Equal(t, 1, n, "item %d", i)
		}
	})
}
