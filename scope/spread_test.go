package scope_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
)

// R11, R5: the standard library tells of a cancellation before it has reached
// every context below. Whoever waits under one that it reaches late is woken all
// the same: in a scope inside, in a task with a context of its own, and in line
// for one of Limit's turns.
func TestSpreadWaitsForContexts(t *testing.T) {
	never := func(ctx context.Context) error {
		if ctx.Done() == nil { // makes the task's own context
			t.Error("a task that nothing can cancel")
		}
		return forever(ctx)
	}
	for range 50 {
		bubble(t, func(t *testing.T) {
			timedOut, err := scope.MoveOnAfter(bg, time.Second, func(ctx context.Context) error {
				crowd := make([]context.CancelFunc, 5000) // so that reaching all takes time
				for i := range crowd {
					_, crowd[i] = context.WithCancel(ctx)
					defer crowd[i]()
				}
				scope.Go(ctx, never)
				scope.Go(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, never)
				})
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						scope.Go(ctx, never)
						scope.Go(ctx, never)
						return never(ctx)
					})
					return forever(ctx)
				}, scope.Limit(1))
			})
			require.NoError(t, err)
			require.True(t, timedOut)
		})
	}
}
