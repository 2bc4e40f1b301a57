// Package otelx is what Corral tells OpenTelemetry, and the only place that
// does: names, levels, statuses and attribute sets are decided here.
//
// Nothing has to be set up. Spans go to the provider given with [NewContext],
// else to the provider of the span in ctx, else to the global one. With no SDK
// installed, and below a parent that is not sampled, nothing is started and
// nothing allocated: the cost is a nil check.
//
//	inst, err := otelx.New(otelx.WithTracerProvider(tp), otelx.WithLevel(otelx.LevelTasks))
//	ctx = otelx.NewContext(ctx, inst)
//
// Scopes and tasks are spans of instrumentation scope [ScopeName]. Single
// operations (put, get, await) are leaf spans of [OpsScopeName], so that a
// Collector can drop them with one rule without orphaning anything; they are
// started and ended once the operation is over, and never have children.
//
// Telemetry never fails, delays or changes the work: a provider or processor
// that panics is reported once to otel.Handle and not called again.
//
// [Tracer], [Span] and [Leaf] are for Corral's own packages.
package otelx
