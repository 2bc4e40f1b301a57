package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// corralMetrics are series that the service must have in Prometheus: the names
// and labels that dashboards hang on.
var corralMetrics = []string{
	`corral_task_duration_seconds_bucket{corral_task_name="order",corral_task_result="success",le="0.1"} > 0`,
	`corral_task_duration_seconds_count{corral_task_name="search",corral_task_result="timeout"} > 0`,
	`corral_task_active{corral_task_name="metrics"} == 1`,
	`corral_task_schedule_duration_seconds_count{corral_task_name="packer"} > 0`,
	`corral_cancel_latency_seconds_count{corral_task_name="search",corral_cancel_kind="deadline"} > 0`,
	`corral_wait_duration_seconds_count{corral_wait_name="orders"} > 0`,
	`corral_queue_operation_duration_seconds_count{corral_queue_name="orders",corral_queue_operation="put"} > 0`,
	`corral_queue_operation_duration_seconds_count{corral_queue_name="orders",corral_queue_operation="get",error_type="queue_closed"} > 0`,
	`corral_queue_item_time_in_queue_seconds_count{corral_queue_name="orders"} > 0`,
	`last_over_time(corral_queue_size{corral_queue_name="orders"}[5m])`,
	`last_over_time(corral_queue_capacity{corral_queue_name="orders"}[5m]) >= 4`,
	`corral_limiter_limit{corral_limiter_name="scales"} == 2`,
	`max_over_time(corral_limiter_usage{corral_limiter_name="scales"}[5m]) == 2`,
	`max_over_time(corral_limiter_pending_requests{corral_limiter_name="scales"}[5m]) == 1`, // three packers, two scales
	`corral_wait_duration_seconds_count{corral_wait_kind="limiter.acquire",corral_wait_name="scales"} > 0`,
	`corral_spans_suppressed_total{corral_op="get",reason="budget"} > 0`,
	`target_info{service_name="corral-backends"}`,
}

// TestExemplarsLeadFromPrometheusToTheTrace runs the service, and goes the way of
// somebody who is on call: from a metric in Prometheus to the exemplar in its bad
// bucket, and from there to the span that the Collector has.
func TestExemplarsLeadFromPrometheusToTheTrace(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	program := needPrometheus(t)
	c := startCollector(ctx, t)
	addr, stop := startService(ctx, t, config{otlp: c.addr})
	p := startPrometheus(ctx, t, program, addr)

	for _, promql := range corralMetrics {
		eventually(ctx, t, promql, func() bool { return len(p.query(ctx, t, promql)) > 0 })
	}
	require.Equal(t, []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60, math.Inf(1)},
		p.boundaries(ctx, t, `corral_task_duration_seconds_bucket`))

	// The application's own histogram, and the library's, have the heavy orders
	// in a bad bucket.
	bad := []exemplar{
		p.worse(ctx, t, `shop_packing_duration_seconds_bucket`, heavy.Seconds()),
		p.worse(ctx, t, `corral_task_duration_seconds_bucket{corral_task_name="order"}`, heavy.Seconds()),
	}
	all := p.exemplars(ctx, t, `{__name__=~"corral_.+_bucket"}`)
	p.stop(ctx, t)
	stop()
	spans := c.collected(ctx, t)

	for _, e := range bad {
		s := spans[e.labels["span_id"]]
		require.NotNil(t, s, "%v leads nowhere", e)
		require.Equal(t, "task batch/scope packing/task order", s.path(t, spans))
		require.GreaterOrEqual(t, s.duration().Seconds(), heavy.Seconds())
	}
	led := map[string]int{}
	for _, e := range all {
		s := spans[e.labels["span_id"]]
		require.NotNil(t, s, "%v leads nowhere", e)
		require.Equal(t, e.labels["trace_id"], s.TraceID)
		require.Equal(t, "corral-backends", s.service)
		led[e.series["__name__"]]++
		if e.series["__name__"] == "corral_task_duration_seconds_bucket" {
			require.Equal(t, "task "+e.series["corral_task_name"], s.Name)
		}
	}
	for _, name := range []string{"task_duration", "task_schedule_duration", "cancel_latency", "wait_duration", "queue_operation_duration", "queue_item_time_in_queue"} {
		require.NotZero(t, led["corral_"+name+"_seconds_bucket"], "exemplars of %s", name)
	}
}

// worse waits for an exemplar of at least that value.
func (p *prometheusServer) worse(ctx context.Context, t *testing.T, bucket string, value float64) (found exemplar) {
	t.Helper()
	eventually(ctx, t, fmt.Sprintf("an exemplar of %s from %v on", bucket, value), func() bool {
		all := p.exemplars(ctx, t, bucket)
		i := slices.IndexFunc(all, func(e exemplar) bool { return e.value >= value })
		if i < 0 {
			return false
		}
		found = all[i]
		return true
	})
	return found
}

// boundaries returns the buckets that the series of a histogram have.
func (p *prometheusServer) boundaries(ctx context.Context, t *testing.T, bucket string) (les []float64) {
	t.Helper()
	for _, s := range p.query(ctx, t, "group by (le) ("+bucket+")") {
		le, err := strconv.ParseFloat(s.labels["le"], 64)
		require.NoError(t, err)
		les = append(les, le)
	}
	slices.Sort(les)
	return les
}
