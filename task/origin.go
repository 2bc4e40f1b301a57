package task

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// origin is where in a trace a future was made. Nil: nowhere.
type origin struct {
	ctx    context.Context
	tracer *otelx.Tracer
	made   time.Time
	span   atomic.Pointer[otelx.Span]
}

func originOf(ctx context.Context) *origin {
	tracer := otelx.TracerOf(ctx)
	if tracer == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return nil
	}
	return &origin{ctx: ctx, tracer: tracer, made: time.Now()}
}

// settled records the future's span, from when it was made until now: below
// the span it was made in, or, if that has ended, as a root linked to it (R81).
func (o *origin) settled(name string, state scope.State, err error) {
	if o == nil {
		return
	}
	_, span := o.tracer.Start(o.ctx, otelx.SpanStart{
		Kind: "future", Name: name, At: o.made, NewRoot: !trace.SpanFromContext(o.ctx).IsRecording(),
	})
	o.span.Store(span)
	out := otelx.Outcome{Err: err}
	switch state {
	case scope.Failed:
		out.Result = otelx.Failure
	case scope.Canceled:
		out.Result = otelx.Cancellation
		out.Cause = park.Explain(err)
	}
	span.End(out)
}

// context is that of the future's span, once it is settled.
func (o *origin) context() trace.SpanContext {
	if o == nil {
		return trace.SpanContext{}
	}
	return o.span.Load().Context()
}
