package otelx

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// An instrument is one of a Meter's, of some kind.
type instrument interface {
	// build makes it. After an error it does nothing, or what the provider
	// has returned beside that.
	build(meter metric.Meter, row *metricRow) error
	kind() string
}

// measure, point and count are instruments with the attribute sets they have
// been used with; observed is asked when metrics are collected.
type (
	measure struct {
		sets[[]metric.RecordOption]
		inst metric.Float64Histogram
	}
	point struct {
		sets[[]metric.RecordOption]
		inst metric.Float64Gauge
	}
	count struct {
		sets[[]metric.AddOption]
		inst metric.Int64Counter
	}
	observed struct {
		inst metric.Int64ObservableUpDownCounter // nil: it could not be made
	}
)

func (*measure) kind() string  { return "histogram" }
func (*point) kind() string    { return "gauge" }
func (*count) kind() string    { return "counter" }
func (*observed) kind() string { return "observable updowncounter" }

func recordOptions(s attribute.Set, _ label) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(s)}
}

func addOptions(s attribute.Set, _ label) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(s)}
}

func (h *measure) build(meter metric.Meter, row *metricRow) (err error) {
	h.row, h.made = row, recordOptions
	h.inst, err = meter.Float64Histogram(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description),
		metric.WithExplicitBucketBoundaries(row.boundaries...))
	if h.inst == nil {
		h.inst = noop.Float64Histogram{}
	}
	return err
}

func (p *point) build(meter metric.Meter, row *metricRow) (err error) {
	p.row, p.made = row, recordOptions
	p.inst, err = meter.Float64Gauge(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description))
	if p.inst == nil {
		p.inst = noop.Float64Gauge{}
	}
	return err
}

func (c *count) build(meter metric.Meter, row *metricRow) (err error) {
	c.row, c.made = row, addOptions
	c.inst, err = meter.Int64Counter(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description))
	if c.inst == nil {
		c.inst = noop.Int64Counter{}
	}
	return err
}

func (o *observed) build(meter metric.Meter, row *metricRow) (err error) {
	o.inst, err = meter.Int64ObservableUpDownCounter(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description))
	return err
}
