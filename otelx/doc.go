// Package otelx is what Corral tells OpenTelemetry, and the only place that
// does: names, levels, statuses and attribute sets are decided here. The tables
// of everything that is emitted are in TELEMETRY.md.
//
// Nothing has to be set up. Spans go to the provider given with [NewContext],
// else to the provider of the span in ctx, else to the global one; metrics and
// log events to the provider given, else to the global one. With no SDK
// installed, and below a parent that is not sampled, no span is started and
// nothing allocated: the cost is a nil check. Which providers apply is decided
// when a root scope is opened, and holds for all that is in it.
//
//	inst, err := otelx.New(otelx.WithTracerProvider(tp), otelx.WithLevel(otelx.LevelTasks))
//	ctx = otelx.NewContext(ctx, inst)
//
// # Spans
//
// Scopes and tasks are spans of instrumentation scope [ScopeName]. Single
// operations (put, get, await, acquire) are leaf spans of [OpsScopeName], so
// that a Collector can drop them with one rule without orphaning anything; they
// are started and ended once the operation is over, and never have children.
// When a task has had as many of them as its budget allows ([WithLeafBudget]),
// further quick ones are merged.
//
// A child lies inside its parent, always. What may outlive its origin is the
// root of a trace of its own, linked to it. Whatever was cancelled says why, and
// links to the span in which the cancellation began. Every scope says what its
// end depended on.
//
// # Metrics and log events
//
// Metrics are recorded whatever the level and the sampling, and their
// attributes never hold ids. Of each instrument there are at most 1,000
// attribute sets; further names share _other, and what has no name is _unnamed.
// A failure or panic is told once, where it began, as a log event, or as an
// event of the span if nobody collects logs.
//
// # What it costs the work
//
// Telemetry never fails or changes the work: a provider, processor, exporter or
// logger that panics is reported once to otel.Handle and not called again. No
// lock of Corral's is held while an SDK is called, so an exporter that blocks
// holds up the task that ends its span, and nobody else.
//
// [Tracer], [Span], [Leaf], [Meter], [Track] and what belongs to them are for
// Corral's own packages.
package otelx
