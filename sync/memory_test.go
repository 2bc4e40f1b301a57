package sync_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

var kept any

// What the package doc says of the memory of what is not in use.
func TestIdleMemory(t *testing.T) {
	testkit.Guard(t)
	if strconv.IntSize != 64 {
		t.Skip("the numbers are those of a 64-bit machine")
	}
	require.EqualValues(t, 56, unsafe.Sizeof(csync.Event{}))
	require.EqualValues(t, 96, unsafe.Sizeof(csync.Lock{}))
	require.EqualValues(t, 264, unsafe.Sizeof(csync.Queue[any]{}))
	for name, f := range map[string]func() any{
		"event": func() any { return csync.NewEvent() },
		"lock":  func() any { return csync.NewLock() },
		"queue": func() any { return csync.NewQueue[any](64) },
	} {
		require.EqualValues(t, 1, testing.AllocsPerRun(100, func() { kept = f() }), name)
	}
}

// Nothing is allocated by what does not wait.
func TestFastPathsAllocateNothing(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	e, l, s := csync.NewEvent(), csync.NewLock(), csync.NewSemaphore(1)
	lim, q, st := csync.NewCapacityLimiter(1), csync.NewQueue[int](1, csync.Name("jobs")), csync.NewStack[int](1)
	e.Set()
	require.NoError(t, scope.Run(background, func(ctx context.Context) error {
		for name, f := range map[string]func() error{
			"event":     func() error { return e.Wait(ctx) },
			"lock":      func() error { return errors.Join(l.Acquire(ctx), l.Release(ctx)) },
			"semaphore": func() error { return errors.Join(s.Acquire(ctx), s.Release()) },
			"limiter":   func() error { return errors.Join(lim.Acquire(ctx), lim.Release(ctx)) },
			"queue":     func() error { _ = q.Put(ctx, 1); _, err := q.Get(ctx); return err },
			"stack":     func() error { _ = st.Put(ctx, 1); _, err := st.Get(ctx); return err },
		} {
			require.NoError(t, f())
			require.Zero(t, testing.AllocsPerRun(100, func() { _ = f() }), name)
		}
		return nil
	}))
}
