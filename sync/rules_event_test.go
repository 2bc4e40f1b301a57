package sync_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R74: Set wakes everyone who waits at that moment, even if Clear follows at
// once; who comes after Clear waits for the next.
func TestEventSetThenClear(t *testing.T) {
	bubble(t, func(ctx context.Context) {
		var e csync.Event // the zero value is ready
		require.False(t, e.IsSet())
		var tasks [10]*scope.Child
		for i := range tasks {
			tasks[i] = scope.Go(ctx, e.Wait)
		}
		synctest.Wait()
		e.Set()
		e.Clear()
		late := scope.Go(ctx, e.Wait)
		synctest.Wait()
		for _, task := range tasks {
			require.Equal(t, scope.Succeeded, task.State())
		}
		require.Equal(t, scope.Running, late.State())
		require.False(t, e.IsSet())
		e.Set()
		e.Set()
		require.True(t, e.IsSet())
		require.NoError(t, late.Wait(ctx))
		require.NoError(t, e.Wait(ctx))
		e.Clear()
		e.Clear()
		require.False(t, e.IsSet())
	})
}

// What happened before Set is visible to who returns from Wait, on the fast path
// too: for the race detector.
func TestEventPublishes(t *testing.T) {
	testkit.Guard(t)
	for range 200 {
		var e csync.Event
		value := 0
		require.NoError(t, scope.Run(background, func(ctx context.Context) error {
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					err := e.Wait(ctx)
					require.Equal(t, 7, value)
					return err
				})
			}
			value = 7
			e.Set()
			return nil
		}))
	}
}

// R74 in a real race: nobody is left behind by Set and Clear.
func TestEventStorm(t *testing.T) {
	testkit.Guard(t)
	const tasks, rounds = 8, 2000
	var e csync.Event
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		left := csync.NewSemaphore(0)
		for range tasks {
			scope.Go(ctx, func(ctx context.Context) error {
				for range rounds {
					if err := e.Wait(ctx); err != nil {
						return err
					}
				}
				return left.Release()
			})
		}
		scope.Go(ctx, func(ctx context.Context) error {
			for {
				if err := scope.Checkpoint(ctx); err != nil {
					return err
				}
				e.Set()
				e.Clear()
			}
		}, scope.Background())
		return nil
	}))
}
