package otelx_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// A future that was cancelled is linked to where the cancellation began; who has
// set one is not known.
func TestFutureLinks(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		canceled, set := task.NewFuture[int](ctx, task.Name("canceled")), task.NewFuture[int](ctx, task.Name("set"))
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.From(ctx).Cancel(errBoom)
			require.True(t, canceled.Cancel(scope.From(ctx).Cause()))
			return set.SetResult(1)
		}, scope.Name("inner"))
		return nil
	}, scope.Name("outer"))
	require.Equal(t, []string{"scope inner"}, r.linked(r.one("future canceled")))
	require.Equal(t, "explicit", text(r.one("future canceled"), "corral.cancel.kind"))
	require.Empty(t, r.linked(r.one("future set")))
}
