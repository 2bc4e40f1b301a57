package inspect_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// Queues and limiters are shown without any option: those that somebody waits
// for, each once however many wait, and, where there are metrics, those that
// these know.
func TestQueuesThatAreFound(t *testing.T) {
	invariant.Untraced(t)
	idle := csync.NewQueue[int](0, csync.Name("idle"))
	looked(t, 2*time.Second, func(ctx context.Context) error {
		full := csync.NewQueue[int](1, csync.Name("full"))
		for range 4 {
			scope.Go(ctx, func(ctx context.Context) error {
				for {
					if err := full.Put(ctx, 1); err != nil {
						return err
					}
				}
			})
		}
		same := csync.NewQueue[int](0, csync.Name("full")) // another of that name
		scope.Go(ctx, func(ctx context.Context) error { _, err := same.Get(ctx); return err })
		tokens := csync.NewCapacityLimiter(2, csync.Name("tokens"))
		for range 3 {
			scope.Go(ctx, func(ctx context.Context) error {
				if err := tokens.Acquire(ctx); err != nil {
					return err
				}
				return forever(ctx)
			})
		}
		return idle.Put(ctx, 1)
	}, func(t *testing.T) {
		q := get(t, inspect.Handler(), "queues.json")
		row := func(kind, name string, size, capacity, peak, waiting, oldest float64) map[string]any {
			return map[string]any{"kind": kind, "name": name, "size": size, "capacity": capacity, "peak": peak, "waiting": waiting, "oldest": oldest}
		}
		require.Equal(t, []any{
			row("queue", "full", 1, 1, 1, 4, 2), row("limiter", "tokens", 2, 2, 0, 1, 0), row("queue", "full", 0, 0, 0, 1, 0),
		}, q["levels"])

		q = get(t, inspect.Handler(), "queues.json?limit=1")
		require.Len(t, q["levels"], 1)
		require.EqualValues(t, 2, q["unseen"])
		require.Equal(t, true, q["truncated"])
	})

	inst, err := otelx.New(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))))
	require.NoError(t, err)
	_ = scope.Run(otelx.NewContext(context.Background(), inst), func(ctx context.Context) error {
		require.NoError(t, idle.Put(ctx, 2))
		q := get(t, inspect.Handler(), "queues.json")
		require.Equal(t, "idle", field(t, q, "levels", 0, "name"))
		require.EqualValues(t, 2, field(t, q, "levels", 0, "size"))
		require.Empty(t, q["waited"])
		return nil
	})
}
