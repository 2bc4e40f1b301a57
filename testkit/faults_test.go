package testkit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// pipeline moves items through a queue and counts, by identity, where each is in
// the end, whatever goes wrong.
func pipeline(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	const n = 3
	q := csync.NewQueue[int](1, csync.Name("jobs"))
	put, got := map[int]bool{}, map[int]bool{}
	err := scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			defer q.Close()
			for i := range n {
				if err := q.Put(ctx, i); err != nil {
					return err
				}
				put[i] = true
			}
			return nil
		}, scope.Name("producer"))
		consumer := scope.Go(ctx, func(ctx context.Context) error {
			for {
				v, err := q.Get(ctx)
				if errors.Is(err, csync.ErrQueueClosed) {
					return nil
				}
				if err != nil {
					return err
				}
				got[v] = true
			}
		}, scope.Name("consumer"))
		return consumer.Wait(ctx)
	}, scope.PanicsAsErrors())
	for _, v := range q.CloseNow() {
		require.False(t, got[v], "item %d is there twice", v)
		got[v] = true
	}
	require.Equal(t, put, got)
	return err
}

// A program that is right survives every fault, and each comes where it is
// said to.
func TestFaultsOfACleanProgram(t *testing.T) {
	testkit.Guard(t)
	runs := 0
	var seen []error
	testkit.Faults(t, func(t *testing.T, ctx context.Context) error {
		runs++
		err := pipeline(t, ctx)
		seen = append(seen, err)
		return err
	})
	require.Greater(t, runs, 30)
	require.NoError(t, seen[0])
	require.ErrorIs(t, errors.Join(seen...), testkit.ErrInjected)
}

// CORRAL_FAULT injects one fault alone.
func TestFaultAlone(t *testing.T) {
	testkit.Guard(t)
	t.Setenv("CORRAL_FAULT", "fail:1")
	var seen []error
	testkit.Faults(t, func(t *testing.T, ctx context.Context) error {
		err := pipeline(t, ctx)
		seen = append(seen, err)
		return err
	})
	require.Len(t, seen, 2)
	require.NoError(t, seen[0])
	require.ErrorIs(t, seen[1], testkit.ErrInjected)
}

// Functions that notice cancellation everywhere are not accused.
func TestCheckpointsOfCleanFunctions(t *testing.T) {
	testkit.Guard(t)
	for name, fn := range map[string]func(ctx context.Context) error{
		"nothing": func(context.Context) error { return nil },
		"waits": func(ctx context.Context) error {
			if err := scope.Sleep(ctx, time.Second); err != nil {
				return err
			}
			return scope.Checkpoint(ctx)
		},
		"tasks": func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				v := task.Go(ctx, func(ctx context.Context) (int, error) { return 1, scope.Sleep(ctx, time.Minute) })
				scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) })
				_, err := v.Wait(ctx)
				return err
			})
		},
		"select": func(ctx context.Context) error {
			timer := time.NewTimer(time.Second)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		"cleans up in a shield": func(ctx context.Context) error {
			err := scope.Sleep(ctx, time.Second)
			return errors.Join(err, scope.Shielded(ctx, time.Minute, func(ctx context.Context) error {
				return scope.Sleep(ctx, time.Second)
			}))
		},
	} {
		t.Run(name, func(t *testing.T) { testkit.Checkpoints(t, fn) })
	}
}
