package testkit_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// A scope that is being cancelled in the bubble of another test is not looked
// into: only its own bubble may ask a cancelled context.
func TestBesideACancelledBubble(t *testing.T) {
	needsTwo(t)
	var text string
	canceled, checked := make(chan struct{}), make(chan struct{})
	t.Run("group", func(t *testing.T) {
		t.Run("bubble", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(*testing.T) {
				_ = scope.Run(bg, func(ctx context.Context) error {
					scope.From(ctx).Cancel(nil)
					close(canceled)
					<-checked // made outside: not blocked, in the eyes of the bubble
					return nil
				}, scope.Name("elsewhere"))
			})
		})
		t.Run("beside", func(t *testing.T) {
			t.Parallel()
			defer close(checked)
			<-canceled
			text = failing(t, func(t testing.TB) {
				testkit.Guard(t)
				busyTest()
			})
			testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
				scope.Go(ctx, scope.Checkpoint)
			})
			testkit.Schedules(t, 3, func(_ *testing.T, ctx context.Context) error { return scope.Checkpoint(ctx) })
		})
	})
	require.Empty(t, text)
}
