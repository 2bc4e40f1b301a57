package otelx

import (
	"context"
	"fmt"
	"reflect"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// The providers that the API answers with while no SDK is installed: they are
// still there then, and do nothing. Nil if an SDK was installed before this
// package was initialised.
var (
	defaultTracers = apiDefault(otel.GetTracerProvider(), "*global.tracerProvider")
	defaultMeters  = apiDefault(otel.GetMeterProvider(), "*global.meterProvider")
	defaultLoggers = apiDefault(otel.GetLoggerProvider(), "*global.loggerProvider")
)

func apiDefault(provider any, typ string) any {
	if fmt.Sprintf("%T", provider) != typ {
		return nil
	}
	return provider
}

// Of returns the tracer and the meter that apply to ctx; each is nil if nothing
// is to be recorded there. It is for Corral's own packages.
func Of(ctx context.Context) (*Tracer, *Meter) {
	inst := instrumentationOf(ctx)
	return inst.tracer(ctx), inst.meter()
}

// TracerOf returns the tracer that applies to ctx, or nil if nothing is to be
// recorded: the level is off, the span in ctx is not sampled, or no SDK is
// installed. It is for Corral's own packages.
func TracerOf(ctx context.Context) *Tracer { return instrumentationOf(ctx).tracer(ctx) }

// MeterOf returns the meter that applies to ctx, or nil if no SDK is installed
// for metrics or logs. It is for Corral's own packages.
func MeterOf(ctx context.Context) *Meter { return instrumentationOf(ctx).meter() }

func (inst *Instrumentation) tracer(ctx context.Context) *Tracer {
	if inst.level == LevelOff {
		return nil
	}
	span := trace.SpanFromContext(ctx)
	local := span.IsRecording()
	if sc := span.SpanContext(); sc.IsValid() && !local && !sc.IsRemote() {
		if !sc.IsSampled() {
			return nil
		}
		local = true // it has ended: see over
	}
	if inst.fixed != nil {
		return inst.fixed
	}
	var tp trace.TracerProvider
	if local {
		tp = span.TracerProvider()
	} else {
		tp = otel.GetTracerProvider()
	}
	if tracesNothing(tp) {
		return nil
	}
	if last := inst.last.Load(); last != nil && same(last.provider, tp) {
		return last
	}
	t := newTracer(tp, inst)
	inst.last.Store(t)
	return t
}

func (inst *Instrumentation) meter() *Meter {
	mp, lp := inst.metrics, inst.logs
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	if lp == nil {
		lp = otel.GetLoggerProvider()
	}
	if measuresNothing(mp) {
		mp = nil
	}
	if logsNothing(lp) {
		lp = nil
	}
	if mp == nil && lp == nil {
		return nil
	}
	last := inst.measured.Load()
	if last != nil && same(last.metrics, mp) && same(last.logs, lp) {
		return last
	}
	m := newMeter(mp, lp)
	if !inst.measured.CompareAndSwap(last, m) { // another goroutine was first: tasks are counted in one place
		if now := inst.measured.Load(); same(now.metrics, mp) && same(now.logs, lp) {
			return now
		}
	}
	return m
}

func tracesNothing(tp trace.TracerProvider) bool {
	_, off := tp.(tracenoop.TracerProvider)
	return off || defaultTracers != nil && tp == defaultTracers
}

func measuresNothing(mp metric.MeterProvider) bool {
	_, off := mp.(metricnoop.MeterProvider)
	return off || defaultMeters != nil && mp == defaultMeters
}

func logsNothing(lp log.LoggerProvider) bool {
	_, off := lp.(lognoop.LoggerProvider)
	return off || defaultLoggers != nil && lp == defaultLoggers
}

// same compares providers. Two of a type that cannot be compared count as one.
func same(a, b any) bool {
	if a == nil || b == nil || reflect.TypeOf(a) != reflect.TypeOf(b) {
		return a == nil && b == nil
	}
	return reflect.TypeOf(a).Kind() != reflect.Pointer && !reflect.ValueOf(a).Comparable() || a == b
}
