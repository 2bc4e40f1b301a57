package otelx

import "go.opentelemetry.io/otel/attribute"

// The tables of every attribute and every metric there is, in attributes.go and
// metrics.go: instruments are built from them, TELEMETRY.md is printed from them,
// and a test compares both with what is really emitted.
var attributeTable []attributeRow

type attributeRow struct {
	key, kind, unit, on, description string
}

// A metricRow is one instrument. The first attribute is the name of what is
// measured, which is folded (see maxSets); the last may be missing from a
// measurement.
type metricRow struct {
	name, unit  string
	boundaries  []float64 // of a histogram
	attributes  keys
	of          func(*Meter) instrument
	description string
}

type keys []attribute.Key

func attr(key attribute.Key, kind, unit, on, description string) attribute.Key {
	attributeTable = append(attributeTable, attributeRow{string(key), kind, unit, on, description})
	return key
}
