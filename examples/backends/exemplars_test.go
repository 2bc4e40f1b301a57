package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExemplarsLeadFromPrometheusToTheTrace runs the service, and goes the way of
// somebody who is on call: from a metric in Prometheus to the exemplar in its bad
// bucket, and from there to the span that the Collector has.
func TestExemplarsLeadFromPrometheusToTheTrace(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	program := needPrometheus(t)
	c := startCollector(ctx, t)
	addr, stop := startService(ctx, t, c.addr)
	p := startPrometheus(ctx, t, program, addr)

	var bad []exemplar
	eventually(ctx, t, "an exemplar of a heavy order", func() bool {
		bad = nil
		for _, e := range p.exemplars(ctx, t, `shop_packing_duration_seconds_bucket`) {
			if e.value >= heavy.Seconds() {
				bad = append(bad, e)
			}
		}
		return len(bad) > 0
	})
	for _, s := range p.query(ctx, t, `shop_packing_duration_seconds_bucket{le="0.05"} / ignoring(le) shop_packing_duration_seconds_count`) {
		require.Less(t, s.value, 1.0, "%v has the heavy orders too", s.labels)
	}
	p.stop(ctx, t)
	stop()
	spans := c.collected(ctx, t)

	for _, e := range bad {
		s := spans[e.labels["span_id"]]
		require.NotNil(t, s, "%v leads nowhere", e)
		require.Equal(t, e.labels["trace_id"], s.TraceID)
		require.Equal(t, "corral-backends", s.service)
		require.Equal(t, "task batch/scope packing/task order", s.path(t, spans))
		require.GreaterOrEqual(t, s.duration().Seconds(), e.value, "it was measured inside the span")
	}
}

// startService runs the service until stop is called, and returns where its
// metrics are.
func startService(ctx context.Context, t *testing.T, otlp string) (addr string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	listens := make(chan string, 1)
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = run(ctx, "127.0.0.1:0", otlp, func(addr string) { listens <- addr })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case addr = <-listens:
	case <-ended:
		require.NoError(t, err)
	}
	return addr, func() {
		t.Helper()
		cancel()
		<-ended
		require.ErrorIs(t, err, context.Canceled)
	}
}
