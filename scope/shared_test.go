package scope_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// Goroutines that share the ctx of a body also share its waiter, one after the
// other: what led to the end of one's wait is not the next one's.
func TestSharedContextIsTraced(t *testing.T) {
	testkit.Guard(t)
	r := testkit.NewRecorder(t)
	for range 30 {
		require.NoError(t, scope.Run(r.Context(bg), func(ctx context.Context) error {
			var spawners sync.WaitGroup
			for range 8 {
				spawners.Go(func() {
					for range 10 {
						<-scope.Go(ctx, func(context.Context) error { return nil }).Done()
					}
				})
			}
			spawners.Wait()
			return nil
		}, scope.Limit(2)))
	}
}
