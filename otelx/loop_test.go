package otelx_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/testkit"
)

// collect returns the metrics of a reader by name.
func collect(t testing.TB, r sdkmetric.Reader) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, r.Collect(context.Background(), &rm))
	all := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			all[m.Name] = m
		}
	}
	return all
}

// A lag is recorded in the context of the task that caused it: the exemplar
// leads to that span.
func TestLoop(t *testing.T) {
	testkit.Guard(t)
	require.Nil(t, otelx.LoopOf(context.Background(), "x"), "no SDK")
	var none *otelx.Loop
	none.Delay(context.Background(), time.Second)
	none.Saturation(context.Background(), 1)
	none.Runnable(context.Background(), 1)

	r := sdkmetric.NewManualReader()
	tp, _ := provider()
	ctx := with(t, otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))))
	loop := otelx.LoopOf(ctx, "main")
	culprit, span := tp.Tracer("x").Start(ctx, "task culprit")
	loop.Delay(culprit, 20*time.Millisecond)
	loop.Saturation(ctx, 1.5)
	loop.Runnable(ctx, 4)
	all := collect(t, r)
	delay := all["corral.loop.delay"].Data.(metricdata.Histogram[float64]).DataPoints[0]
	id := span.SpanContext().SpanID()
	require.Equal(t, id[:], delay.Exemplars[0].SpanID)
	require.Equal(t, []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}, delay.Bounds)
	name, _ := delay.Attributes.Value("corral.loop.name")
	require.Equal(t, "main", name.AsString())
	require.InDelta(t, 1.5, all["corral.loop.saturation"].Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 0)
	require.InDelta(t, 4, all["corral.loop.runnable"].Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 0)
}
