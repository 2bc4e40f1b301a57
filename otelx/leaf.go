package otelx

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Leaf is one finished operation. It is for Corral's own packages.
type Leaf struct {
	Kind       string // "put", "get", "await", "acquire"
	Name       string // of the queue, task or primitive; "": the kind alone names the span
	Start, End time.Time
	Blocked    time.Duration // of that time
	WasBlocked bool
	Size       int // of the queue, afterwards
	HasSize    bool
	Link       trace.SpanContext // to link to, if it is valid
	Err        error
	Cause      *Cause // if Err is a cancellation
	Expected   bool   // Err is an answer, not a failure: closed, full, empty
}

// Leaf records an operation as a span below the one in ctx, with the times it
// had. It records nothing if the level leaves it out, or if the span in ctx is
// not recording.
func (t *Tracer) Leaf(ctx context.Context, l Leaf) {
	if !t.Leaves() || t.level == LevelBlocking && !l.WasBlocked && l.Err == nil {
		return
	}
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	if l.End.IsZero() {
		l.End = time.Now()
	}
	opts := []trace.SpanStartOption{trace.WithTimestamp(l.Start), trace.WithAttributes(l.attributes()...)}
	if l.Link.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: l.Link}))
	}
	t.guard(func() {
		_, span := t.leaves.Start(ctx, spanName(l.Kind, l.Name), opts...)
		switch {
		case l.Err == nil:
		case l.Expected:
			span.SetAttributes(attrErrorType.String(semconv.ErrorType(l.Err).Value.AsString()))
		default:
			describe(span, l.outcome())
		}
		span.End(trace.WithTimestamp(l.End))
	})
}

func (l *Leaf) attributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 3)
	attrs = append(attrs, attrOpBlocked.Bool(l.WasBlocked))
	switch l.Kind {
	case "put", "get":
		attrs = append(attrs, attrQueueName.String(l.Name))
	case "await":
		attrs = append(attrs, attrAwaited.String(l.Name))
	}
	if l.HasSize {
		attrs = append(attrs, attrQueueSize.Int(l.Size))
	}
	return attrs
}

func (l *Leaf) outcome() Outcome {
	o := Outcome{Result: Failure, Err: l.Err, Cause: l.Cause}
	switch {
	case l.Cause == nil:
	case l.Cause.Deadline:
		o.Result = Timeout
	default:
		o.Result = Cancellation
	}
	return o
}
