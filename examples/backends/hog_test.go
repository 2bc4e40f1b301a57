package main

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestALagLeadsToTheHog has tasks hold all processors, and asks Prometheus who
// did it: the exemplar of the lag is the span of one of them. Other tests would
// feel it, so it is not parallel.
func TestALagLeadsToTheHog(t *testing.T) {
	ctx := bounded(t)
	program := needPrometheus(t)
	c := startCollector(ctx, t)
	addr, stop := startService(ctx, t, config{otlp: c.addr, hogs: 4 * runtime.GOMAXPROCS(0)})
	p := startPrometheus(ctx, t, program, addr)

	const delay = `corral_loop_delay_seconds_bucket{corral_loop_name="service"}`
	e := p.worse(ctx, t, delay, lagged.Seconds())
	for _, promql := range []string{
		`corral_loop_saturation_ratio{corral_loop_name="service"} > 1`,
		`corral_loop_runnable_ratio{corral_loop_name="service"}`,
	} {
		eventually(ctx, t, promql, func() bool { return len(p.query(ctx, t, promql)) > 0 })
	}
	p.stop(ctx, t)
	stop()

	s := c.collected(ctx, t)[e.labels["span_id"]]
	require.NotNil(t, s, "%v leads nowhere", e)
	require.Equal(t, e.labels["trace_id"], s.TraceID)
	require.Equal(t, "task hog", s.Name)
}
