package scope_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
)

// R11: a cancellation reaches every one of many tasks, although it lets go of
// the lock on its way, and those it has woken end meanwhile, or are cancelled by
// themselves and end where it has come to; and although another one, of the
// scope around, is on its way through the same tasks.
func TestCancelReachesManyTasks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 1000
		begun := time.Now()
		outer, inner := scope.New(), scope.New()
		err := outer.Run(bg, func(ctx context.Context) error {
			return inner.Run(ctx, func(ctx context.Context) error {
				var tasks []*scope.Child
				for range n {
					tasks = append(tasks, scope.Go(ctx, func(ctx context.Context) error {
						return scope.Sleep(ctx, time.Hour)
					}))
				}
				synctest.Wait()
				var all sync.WaitGroup
				all.Go(func() { inner.Cancel(nil) })
				all.Go(func() { outer.Cancel(nil) })
				all.Go(func() {
					for i := range n {
						tasks[n-1-i].Cancel(nil) // newest first, as the cancellation goes
					}
				})
				all.Wait()
				return nil
			})
		})
		require.True(t, err == nil || inner.CancelCalled())
		require.Zero(t, time.Since(begun))
		require.True(t, outer.CancelCalled())
	})
}
