package testkit

import (
	"context"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Metric returns what was measured under that name so far, over all its
// attributes: the sum of a counter, up-down counter or gauge, the number of
// measurements of a histogram. ok is false if nothing was.
func (r *Recorder) Metric(name string) (value float64, ok bool) {
	var all metricdata.ResourceMetrics
	if err := r.metrics.Collect(context.Background(), &all); err != nil {
		r.t.Errorf("testkit: collecting metrics: %v", err)
		return 0, false
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == name {
				v, some := total(m.Data)
				value, ok = value+v, ok || some
			}
		}
	}
	return value, ok
}

func total(data metricdata.Aggregation) (float64, bool) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		return sum(d.DataPoints), len(d.DataPoints) > 0
	case metricdata.Sum[float64]:
		return sum(d.DataPoints), len(d.DataPoints) > 0
	case metricdata.Gauge[int64]:
		return sum(d.DataPoints), len(d.DataPoints) > 0
	case metricdata.Gauge[float64]:
		return sum(d.DataPoints), len(d.DataPoints) > 0
	case metricdata.Histogram[int64]:
		return count(d.DataPoints), len(d.DataPoints) > 0
	case metricdata.Histogram[float64]:
		return count(d.DataPoints), len(d.DataPoints) > 0
	}
	return 0, false
}

func sum[N int64 | float64](points []metricdata.DataPoint[N]) (total float64) {
	for _, p := range points {
		total += float64(p.Value)
	}
	return total
}

func count[N int64 | float64](points []metricdata.HistogramDataPoint[N]) (total float64) {
	for _, p := range points {
		total += float64(p.Count)
	}
	return total
}
