package otelx

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Tracer is the decision that spans are made, and with what. Nil means that
// nothing is recorded; every method is safe on nil, and then costs a nil check.
// It is for Corral's own packages.
type Tracer struct {
	provider trace.TracerProvider
	level    Level
	spans    trace.Tracer
	leaves   trace.Tracer
	broken   atomic.Bool // the provider has panicked
}

// apiDefault is the provider that the API answers with while no SDK is
// installed: it is still there then, and makes spans that record nothing.
var apiDefault = defaultProvider()

func defaultProvider() trace.TracerProvider {
	tp := otel.GetTracerProvider()
	if fmt.Sprintf("%T", tp) != "*global.tracerProvider" {
		return nil // an SDK was installed before this package was initialised
	}
	return tp
}

// TracerOf returns the tracer that applies to ctx, or nil if nothing is to be
// recorded: the level is off, the span in ctx is not sampled, or no SDK is
// installed. It is for Corral's own packages.
func TracerOf(ctx context.Context) *Tracer {
	inst := instrumentationOf(ctx)
	if inst.level == LevelOff {
		return nil
	}
	span := trace.SpanFromContext(ctx)
	recording := span.IsRecording()
	if sc := span.SpanContext(); sc.IsValid() && !recording && !sc.IsRemote() {
		return nil
	}
	if inst.fixed != nil {
		return inst.fixed
	}
	var tp trace.TracerProvider
	if recording {
		tp = span.TracerProvider()
	} else {
		tp = otel.GetTracerProvider()
	}
	if isOff(tp) {
		return nil
	}
	if last := inst.last.Load(); last != nil && sameProvider(last.provider, tp) {
		return last
	}
	t := newTracer(tp, inst.level)
	inst.last.Store(t)
	return t
}

// isOff reports whether nothing listens behind tp.
func isOff(tp trace.TracerProvider) bool {
	if apiDefault != nil && tp == apiDefault {
		return true
	}
	_, off := tp.(noop.TracerProvider)
	return off
}

// sameProvider compares providers, which need not be comparable.
func sameProvider(a, b trace.TracerProvider) bool {
	return reflect.TypeOf(a).Kind() == reflect.Pointer && a == b
}

// newTracer builds a tracer; nil if the provider panics.
func newTracer(tp trace.TracerProvider, level Level) *Tracer {
	t := &Tracer{provider: tp, level: level}
	if t.level == LevelOff {
		return t
	}
	t.guard(func() {
		t.spans = tp.Tracer(ScopeName, trace.WithInstrumentationVersion(version))
		t.leaves = tp.Tracer(OpsScopeName, trace.WithInstrumentationVersion(version))
	})
	return t
}

// guard calls into the SDK. If that panics, it is reported, and the tracer is
// not used again (R84).
func (t *Tracer) guard(call func()) {
	defer func() {
		if v := recover(); v != nil && t.broken.CompareAndSwap(false, true) {
			otel.Handle(fmt.Errorf("otelx: the tracer provider panicked and is not called any more: %v", v))
		}
	}()
	call()
}

// Leaves reports whether any leaf could be recorded, so that callers can skip
// the clock.
func (t *Tracer) Leaves() bool {
	return t != nil && t.level < LevelTasks && !t.broken.Load()
}
