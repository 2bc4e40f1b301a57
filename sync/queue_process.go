package sync

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// All gets items, waiting for the next one while there is none, until the queue
// is closed and empty, or ctx is cancelled: look at ctx to tell these apart. An
// item that the loop body has begun with is taken. It panics if ctx is nil.
func (q *Queue[T]) All(ctx context.Context) iter.Seq[T] {
	mustHave(ctx, "Queue.All")
	return func(yield func(T) bool) {
		for {
			v, err := q.Get(ctx)
			if err != nil || !yield(v) {
				return
			}
		}
	}
}

// Process is the loop of a worker: it gets items and calls fn with each, until
// the queue is closed and empty, and returns nil; until fn returns an error, and
// returns that; or until ctx is cancelled, and returns the cancellation. After
// each call, also one that panics, it calls [Queue.TaskDone]; fn must not.
//
// Each item is one unit of work in the trace: a span around fn, linked to where
// the item was put, which the ctx that fn gets carries. It is below the
// worker's span, or, if the worker is a Background task, a trace of its own.
// Process panics if ctx or fn is nil.
func (q *Queue[T]) Process(ctx context.Context, fn func(ctx context.Context, item T) error) error {
	mustHave(ctx, "Queue.Process")
	if fn == nil {
		panic("sync: Queue.Process with a nil function: pass what to do with an item")
	}
	for {
		it, err := q.next(ctx)
		if err == ErrQueueClosed { //nolint:errorlint // our own value
			return nil
		}
		if err == nil {
			err = q.process(ctx, it, fn)
		}
		if err != nil {
			return err
		}
	}
}

// next is Get that also says where the item comes from.
func (q *Queue[T]) next(ctx context.Context) (it item[T], err error) {
	var op park.Op
	err = op.Begin(ctx)
	if err == nil {
		it, err = q.get(&op)
	}
	if op.Traced() {
		q.end(&op, "get", it.from, err)
	}
	return it, err
}

// process is one unit of work.
func (q *Queue[T]) process(ctx context.Context, it item[T], fn func(ctx context.Context, item T) error) (err error) {
	inner, span := q.span(ctx, it.from)
	var by *park.Strand
	if p := park.PlaceOf(ctx); p != nil {
		by = p.Strand
	}
	exiting := true // by Goexit, unless the call below returns or panics
	defer func() {
		if v := recover(); v != nil {
			_ = q.taskDone(by)
			if span != nil {
				span.End(panicOutcome(v))
			}
			panic(v) // whoever takes the stack finds the site: its frames are still there
		}
		if lost := q.taskDone(by); err == nil {
			err = lost
		}
		if exiting {
			span.End(otelx.Outcome{Result: otelx.Goexit})
		} else if span != nil {
			span.End(outcomeOf(ctx, err))
		}
	}()
	err = fn(inner, it.value)
	exiting = false
	return err
}

// span begins the span of one unit of work.
func (q *Queue[T]) span(ctx context.Context, from park.Origin) (context.Context, *otelx.Span) {
	p := park.PlaceOf(ctx)
	var tracer *otelx.Tracer
	if p != nil && p.Ctx == ctx {
		tracer = p.Tracer
	} else {
		tracer = otelx.TracerOf(ctx)
	}
	if tracer == nil {
		return ctx, nil
	}
	return tracer.Start(ctx, otelx.SpanStart{
		Kind: "process", Name: q.name, NewRoot: p != nil && seam.InBackground(p), Link: from.Span(),
	})
}

// outcomeOf is what the span of a unit of work says of its error.
func outcomeOf(ctx context.Context, err error) otelx.Outcome {
	out := otelx.Outcome{Err: err, At: time.Now()}
	switch cause := park.Explain(err); {
	case err == nil:
	case ctx.Err() == nil || cause == nil:
		out.Result = otelx.Failure
	case cause.Deadline:
		out.Result, out.Cause = otelx.Timeout, cause
	default:
		out.Result, out.Cause = otelx.Cancellation, cause
	}
	return out
}

func panicOutcome(v any) otelx.Outcome {
	err, ok := v.(error)
	if !ok {
		err = fmt.Errorf("panic: %v", v)
	}
	return otelx.Outcome{Result: otelx.Panic, Err: err}
}
