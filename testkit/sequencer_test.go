package testkit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// Steps happen in order, and what follows one is over before the next begins:
// the list is appended to without a lock, in real time, under -race.
func TestSequencer(t *testing.T) {
	testkit.Guard(t)
	for range 50 {
		q := testkit.NewSequencer()
		var order []int
		err := scope.Run(bg, func(ctx context.Context) error {
			for _, mine := range rand.Perm(4) {
				scope.Go(ctx, func(ctx context.Context) error {
					for n := mine; n < 20; n += 4 {
						if err := q.Step(ctx, n); err != nil {
							return err
						}
						order = append(order, n)
					}
					return nil
				})
			}
			return nil
		})
		require.NoError(t, err)
		require.Len(t, order, 20)
		require.True(t, slices.IsSorted(order), "%v", order)
	}
}

// A step is over when its task waits: for another task, for instance, that has
// to make the next.
func TestSequencerStepThatWaits(t *testing.T) {
	testkit.Guard(t)
	testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
		q := testkit.NewSequencer()
		var order []string
		c := scope.Go(ctx, func(ctx context.Context) error {
			if err := q.Step(ctx, 1); err != nil {
				return err
			}
			order = append(order, "b")
			return nil
		})
		require.NoError(t, q.Step(ctx, 0))
		order = append(order, "a")
		require.NoError(t, c.Wait(ctx))
		require.NoError(t, q.Step(ctx, 2))
		order = append(order, "c")
		require.Equal(t, []string{"a", "b", "c"}, order)
	})
}

// The last step of a body is over when it waits for its tasks, or when its scope
// has ended; outside of scopes a step is over at once.
func TestSequencerOutsideOfTasks(t *testing.T) {
	testkit.Guard(t)
	q := testkit.NewSequencer()
	ended := make(chan error)
	go func() { ended <- q.Step(bg, 2) }()
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error { return q.Step(ctx, 1) })
		return q.Step(ctx, 0)
	}))
	require.NoError(t, <-ended)
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error { return q.Step(ctx, 3) }))
	require.NoError(t, q.Step(bg, 4))
	require.NoError(t, q.Step(bg, 5))
}

// A step that was cancelled was not made; somebody else can make it.
func TestSequencerCancelled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		q := testkit.NewSequencer()
		boom := errors.New("boom")
		ctx, cancel := context.WithCancelCause(bg)
		cancel(boom)
		require.ErrorIs(t, q.Step(ctx, 0), context.Canceled)
		_, err := scope.MoveOnAfter(bg, time.Second, func(ctx context.Context) error { return q.Step(ctx, 1) })
		require.NoError(t, err)
		require.NoError(t, q.Step(bg, 0))
		require.NoError(t, q.Step(bg, 1))
	})
}

// Bad input is an error, and disturbs nobody.
func TestSequencerMisuse(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		q := testkit.NewSequencer()
		require.ErrorContains(t, q.Step(bg, -1), "steps count from 0")
		ended := make(chan error, 1)
		go func() { ended <- q.Step(bg, 1) }()
		synctest.Wait()
		require.ErrorContains(t, q.Step(bg, 1), "two callers make step 1")
		require.NoError(t, q.Step(bg, 0))
		require.NoError(t, <-ended)
		require.ErrorContains(t, q.Step(bg, 0), "step 0 was made already: the next is 2")
		require.Panics(t, func() { _ = q.Step(nil, 0) })
	})
}

// R3: a step whose caller is cancelled in the instant it begins is not lost.
func TestSequencerUnderSchedules(t *testing.T) {
	testkit.Guard(t)
	testkit.Schedules(t, 500, func(t *testing.T, ctx context.Context) error {
		q := testkit.NewSequencer()
		var made error
		err := scope.Run(ctx, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				made = q.Step(ctx, 1)
				return made
			})
			scope.Go(ctx, func(ctx context.Context) error { return q.Step(ctx, 0) })
			scope.Go(ctx, func(context.Context) error { c.Cancel(nil); return nil })
			return nil
		})
		if made != nil { // it can still be made
			return q.Step(ctx, 1)
		}
		return err
	})
}
