package otelx

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const (
	// ScopeName is the instrumentation scope of the spans of scopes, tasks and
	// futures.
	ScopeName = "github.com/corral-go/corral/otelx"
	// OpsScopeName is the instrumentation scope of the leaf spans of single
	// operations.
	OpsScopeName = "github.com/corral-go/corral/otelx/ops"

	version = "0.1.0"
)

// Version returns the version of the library, as the instrumentation scopes
// report it.
func Version() string { return version }

// Level says how much becomes a span.
type Level uint8

const (
	// LevelAll makes a span of every operation.
	LevelAll Level = iota
	// LevelBlocking makes spans of scopes, tasks, and operations that blocked
	// or failed.
	LevelBlocking
	// LevelTasks makes spans of scopes and tasks.
	LevelTasks
	// LevelOff makes none.
	LevelOff
)

// String returns the level's name in lower case.
func (l Level) String() string {
	names := [...]string{"all", "blocking", "tasks", "off"}
	if int(l) < len(names) {
		return names[l]
	}
	return "unknown"
}

// Option shapes an Instrumentation. A nil Option is ignored.
type Option interface{ apply() }

type (
	tracersOption struct{ tp trace.TracerProvider }
	metersOption  struct{ mp metric.MeterProvider }
	loggersOption struct{ lp log.LoggerProvider }
	levelOption   Level
	budgetOption  int
	namesOption   struct{}
)

func (tracersOption) apply() {}
func (metersOption) apply()  {}
func (loggersOption) apply() {}
func (levelOption) apply()   {}
func (budgetOption) apply()  {}
func (namesOption) apply()   {}

// WithTracerProvider sends the spans to tp. Without it the provider of the span
// in ctx is used, or else the global one.
func WithTracerProvider(tp trace.TracerProvider) Option { return tracersOption{tp} }

// WithMeterProvider sends the metrics to mp. Without it the global provider is
// used.
func WithMeterProvider(mp metric.MeterProvider) Option { return metersOption{mp} }

// WithLoggerProvider sends the log events of failures and panics to lp. Without
// it the global provider is used.
func WithLoggerProvider(lp log.LoggerProvider) Option { return loggersOption{lp} }

// WithLevel sets how much becomes a span; without it, LevelAll.
func WithLevel(l Level) Option { return levelOption(l) }

// WithLeafBudget sets how many leaf spans of its own a task may have; without
// it, 128. After that, quick and successful operations of one kind on one
// object share a composite span. With 0 they do from the first.
func WithLeafBudget(n int) Option { return budgetOption(n) }

// WithFunctionNames puts the name of the function that was run
// (code.function.name) on the spans of scopes and tasks.
func WithFunctionNames() Option { return namesOption{} }

// leafBudget is how many leaf spans a task has of its own, unless
// [WithLeafBudget] says otherwise.
const leafBudget = 128

// Instrumentation is a choice of providers and level for everything below a
// context. It may be shared.
type Instrumentation struct {
	level  Level
	budget *int // nil: leafBudget
	code   bool

	metrics metric.MeterProvider // nil: the global one
	logs    log.LoggerProvider   // nil: the global one

	fixed    *Tracer                // of the provider given to New
	last     atomic.Pointer[Tracer] // of the provider used last, if none was given
	measured atomic.Pointer[Meter]  // of the providers used last
}

// New makes an Instrumentation. It returns an error for a nil provider, an
// unknown level or a negative budget. Of several options of a kind the last
// counts.
func New(opts ...Option) (*Instrumentation, error) {
	inst := new(Instrumentation)
	var tp trace.TracerProvider
	for _, o := range opts {
		switch o := o.(type) {
		case tracersOption:
			if isNil(o.tp) {
				return nil, errors.New("otelx: WithTracerProvider(nil): pass a provider, or leave the option out for the global one")
			}
			tp = o.tp
		case metersOption:
			if isNil(o.mp) {
				return nil, errors.New("otelx: WithMeterProvider(nil): pass a provider, or leave the option out for the global one")
			}
			inst.metrics = o.mp
		case loggersOption:
			if isNil(o.lp) {
				return nil, errors.New("otelx: WithLoggerProvider(nil): pass a provider, or leave the option out for the global one")
			}
			inst.logs = o.lp
		case levelOption:
			if Level(o) > LevelOff {
				return nil, errors.New("otelx: WithLevel: no such level: use LevelAll, LevelBlocking, LevelTasks or LevelOff")
			}
			inst.level = Level(o)
		case budgetOption:
			if o < 0 {
				return nil, errors.New("otelx: WithLeafBudget: a negative budget: use 0 to merge operations from the first on")
			}
			inst.budget = (*int)(&o)
		case namesOption:
			inst.code = true
		}
	}
	switch {
	case tp == nil:
	case tracesNothing(tp):
		inst.level = LevelOff
	default:
		inst.fixed = newTracer(tp, inst)
	}
	return inst, nil
}

// isNil also knows a nil pointer in an interface.
func isNil(provider any) bool {
	v := reflect.ValueOf(provider)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

type instKey struct{}

// NewContext returns a ctx below which inst applies: scopes opened with it, and
// everything in them. A nil inst takes an outer one back.
func NewContext(ctx context.Context, inst *Instrumentation) context.Context {
	return context.WithValue(ctx, instKey{}, inst)
}

// fallback is what applies where no Instrumentation was given.
var fallback Instrumentation

func instrumentationOf(ctx context.Context) *Instrumentation {
	if inst, _ := ctx.Value(instKey{}).(*Instrumentation); inst != nil {
		return inst
	}
	return &fallback
}
