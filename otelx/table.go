package otelx

import "go.opentelemetry.io/otel/attribute"

// The tables of every attribute and every metric there is: attributes.go and
// metrics.go fill them in, instruments are built from them, TELEMETRY.md is
// printed from them, and a test compares both with what is really emitted.
var (
	attributeTable []attributeRow
	metricTable    []*metricRow
)

type attributeRow struct {
	key, kind, unit, on, description string
}

// A metricRow is one instrument. The first attribute is the name of what is
// measured, which is folded (see maxSets); the last may be missing from a
// measurement.
type metricRow struct {
	name, unit  string
	kind        instrumentKind
	boundaries  []float64 // of a histogram
	attributes  []attribute.Key
	description string
}

type instrumentKind string

const (
	histogram               instrumentKind = "histogram"
	counter                 instrumentKind = "counter"
	gauge                   instrumentKind = "gauge"
	observableUpDownCounter instrumentKind = "observable updowncounter"
)

func attr(key attribute.Key, kind, unit, on, description string) attribute.Key {
	attributeTable = append(attributeTable, attributeRow{string(key), kind, unit, on, description})
	return key
}

func metricOf(name string, kind instrumentKind, unit string, boundaries []float64, description string, attributes ...attribute.Key) *metricRow {
	m := &metricRow{name: name, unit: unit, kind: kind, boundaries: boundaries, attributes: attributes, description: description}
	metricTable = append(metricTable, m)
	return m
}
