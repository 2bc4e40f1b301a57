package otelx

import (
	"context"
	"errors"
	"sync/atomic"

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
	providerOption struct{ tp trace.TracerProvider }
	levelOption    Level
)

func (providerOption) apply() {}
func (levelOption) apply()    {}

// WithTracerProvider sends the spans to tp. Without it the provider of the span
// in ctx is used, or else the global one.
func WithTracerProvider(tp trace.TracerProvider) Option { return providerOption{tp} }

// WithLevel sets how much becomes a span; without it, LevelAll.
func WithLevel(l Level) Option { return levelOption(l) }

// Instrumentation is a choice of provider and level for everything below a
// context. It may be shared.
type Instrumentation struct {
	level Level
	fixed *Tracer                // of the provider given to New
	last  atomic.Pointer[Tracer] // of the provider used last, if none was given
}

// New makes an Instrumentation. It returns an error for a nil provider or an
// unknown level.
func New(opts ...Option) (*Instrumentation, error) {
	inst := new(Instrumentation)
	var tp trace.TracerProvider
	for _, o := range opts {
		switch o := o.(type) {
		case providerOption:
			if o.tp == nil {
				return nil, errors.New("otelx: WithTracerProvider(nil): pass a provider, or leave the option out for the global one")
			}
			tp = o.tp
		case levelOption:
			if Level(o) > LevelOff {
				return nil, errors.New("otelx: WithLevel: no such level: use LevelAll, LevelBlocking, LevelTasks or LevelOff")
			}
			inst.level = Level(o)
		}
	}
	if tp != nil {
		inst.fixed = newTracer(tp, inst.level)
	}
	return inst, nil
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
