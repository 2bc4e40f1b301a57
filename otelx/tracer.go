package otelx

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// Tracer is the decision that spans are made, and with what. Nil means that
// nothing is recorded; every method is safe on nil, and then costs a nil check.
// It is for Corral's own packages.
type Tracer struct {
	provider trace.TracerProvider
	level    Level
	budget   int32
	code     bool
	spans    trace.Tracer
	leaves   trace.Tracer
	ledger   ledger
	broken   atomic.Bool // the provider has panicked

	shapes   atomic.Pointer[map[shapeKey]*shape]
	shapesMu sync.Mutex // taken to replace shapes
}

// A ledger is a provider that counts operations by itself, so that tests can
// hold the leaf spans against something: see internal/invariant.
type ledger interface {
	BeginOperation(ctx context.Context)
	LeaveOutOperation(ctx context.Context) // the level has no span for it
}

// Begin says that an operation begins in ctx which is to be told as a [Leaf].
func (t *Tracer) Begin(ctx context.Context) {
	if t.ledger != nil {
		t.ledger.BeginOperation(ctx)
	}
}

// newTracer builds a tracer; one that records nothing if the provider panics.
func newTracer(tp trace.TracerProvider, inst *Instrumentation) *Tracer {
	t := &Tracer{provider: tp, level: inst.level, budget: leafBudget, code: inst.code}
	if inst.budget != nil {
		t.budget = int32(min(*inst.budget, 1<<30))
	}
	if t.level == LevelOff {
		return t
	}
	t.open(tp)
	return t
}

func (t *Tracer) open(tp trace.TracerProvider) {
	defer t.rescue()
	t.spans = tp.Tracer(ScopeName, trace.WithInstrumentationVersion(version))
	t.leaves = tp.Tracer(OpsScopeName, trace.WithInstrumentationVersion(version))
	t.ledger, _ = tp.(ledger)
}

// rescue is deferred around every call into the SDK. If that panics, it is
// reported, and the tracer is not used again (R84).
func (t *Tracer) rescue() {
	if v := recover(); v != nil && t.broken.CompareAndSwap(false, true) {
		report(fmt.Errorf("otelx: the tracer provider panicked and is not called any more: %v", v))
	}
}

// Leaves reports whether any leaf could be recorded, so that callers can skip
// the clock.
func (t *Tracer) Leaves() bool {
	return t != nil && t.level < LevelTasks && !t.broken.Load()
}
