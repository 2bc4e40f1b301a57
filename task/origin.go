package task

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// origin is where in a trace a future was made. Nil: nowhere.
type origin struct {
	ctx    context.Context
	in     *otelx.Span // the task or body that ctx is of, or nil
	tracer *otelx.Tracer
	made   time.Time
	span   atomic.Pointer[otelx.Span]
}

func originOf(ctx context.Context) *origin {
	p := park.PlaceOf(ctx)
	if p != nil && p.Ctx == ctx {
		if p.Tracer == nil {
			return nil
		}
		return &origin{ctx: ctx, in: p.Span, tracer: p.Tracer, made: time.Now()}
	}
	tracer, span := otelx.TracerOf(ctx), trace.SpanFromContext(ctx)
	if sc := span.SpanContext(); tracer == nil || !span.IsRecording() && (!sc.IsSampled() || sc.IsRemote()) {
		return nil
	}
	return &origin{ctx: ctx, tracer: tracer, made: time.Now()}
}

// settled records the future's span, from when it was made until now: below
// the span it was made in, or, if that has ended, as a root linked to it (R81).
//
// It has no link to who has settled it, but for a cancellation, which says where
// it began: SetResult and SetError take no ctx, and there is nothing else that
// tells. Which strand runs on the calling goroutine could be found out (see
// package gid, which is not for that) only if every task and every body kept a
// table of that, for the sake of a few futures.
func (o *origin) settled(name string, state scope.State, err error) {
	if o == nil {
		return
	}
	now, open := o.in.Within()
	if o.in == nil {
		open = trace.SpanFromContext(o.ctx).IsRecording()
	}
	_, span := o.tracer.Start(o.ctx, otelx.SpanStart{Kind: "future", Name: name, At: o.made, NewRoot: !open})
	o.span.Store(span)
	out := otelx.Outcome{Err: err, At: now}
	switch state {
	case scope.Failed:
		out.Result = otelx.Failure
	case scope.Canceled:
		out.Result = otelx.Cancellation
		if out.Cause = park.Explain(err); out.Cause != nil && out.Cause.Deadline {
			out.Result = otelx.Timeout
		}
	}
	span.End(out)
}

// maker is the task a future was made in, or else the scope: no pointer, which
// would keep that from being freed.
type maker struct {
	id   uint64
	name string
}

func makerOf(ctx context.Context) (m maker) {
	if p := park.PlaceOf(ctx); p != nil {
		m.id, m.name = seam.NameOf(p.Owner)
	}
	return m
}

// context is that of the future's span, once it is settled.
func (o *origin) context() trace.SpanContext {
	if o == nil {
		return trace.SpanContext{}
	}
	return o.span.Load().Context()
}
