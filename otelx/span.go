package otelx

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// SpanStart is what is known of a scope, task or other eager span when it
// begins.
type SpanStart struct {
	Kind          string // "scope", "task", "shutdown"
	Name          string // "": the span is named after the kind alone
	Path          string // of the scope
	ID            uint64 // of a task
	Background    bool
	NewRoot       bool              // a trace of its own, linked to the span in ctx
	Link          trace.SpanContext // to link to, if it is another than the parent
	ScheduleDelay time.Duration     // of a task
	At            time.Time         // zero: now
}

// Span is the span of a scope or task. Every method is safe on nil. It is for
// Corral's own packages.
type Span struct {
	t     *Tracer
	span  trace.Span
	kind  string
	links []trace.SpanID
	ended atomic.Bool
}

// Start begins a span below the one in ctx and returns a ctx that carries it.
// On a nil Tracer it returns ctx and nil.
func (t *Tracer) Start(ctx context.Context, s SpanStart) (context.Context, *Span) {
	if t == nil || t.broken.Load() {
		return ctx, nil
	}
	if s.At.IsZero() {
		s.At = time.Now()
	}
	parent := trace.SpanContextFromContext(ctx)
	links := s.links(parent)
	opts := []trace.SpanStartOption{
		trace.WithTimestamp(s.At), trace.WithAttributes(s.attributes()...), trace.WithLinks(links...),
	}
	if s.NewRoot {
		opts = append(opts, trace.WithNewRoot())
	}
	span := &Span{t: t, kind: s.Kind}
	for _, l := range links {
		span.links = append(span.links, l.SpanContext.SpanID())
	}
	inner := ctx
	t.guard(func() { inner, span.span = t.spans.Start(ctx, spanName(s.Kind, s.Name), opts...) })
	if span.span == nil {
		return ctx, nil
	}
	return inner, span
}

func (s *SpanStart) links(parent trace.SpanContext) []trace.Link {
	var links []trace.Link
	if s.NewRoot && parent.IsValid() {
		links = append(links, trace.Link{SpanContext: parent})
	}
	if s.Link.IsValid() && s.Link.SpanID() != parent.SpanID() {
		links = append(links, trace.Link{SpanContext: s.Link})
	}
	return links
}

func (s *SpanStart) attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{attrScopePath.String(s.Path)}
	switch s.Kind {
	case "task":
		attrs = append(attrs,
			attrTaskName.String(s.Name),
			attrTaskID.Int64(int64(s.ID)),
			attrScheduleDelay.Float64(s.ScheduleDelay.Seconds()))
		if s.Background {
			attrs = append(attrs, attrBackground.Bool(true))
		}
	default:
		attrs = append(attrs, attrScopeName.String(s.Name))
	}
	return attrs
}

// Context returns the span's context; it is not valid for nil.
func (s *Span) Context() trace.SpanContext {
	if s == nil {
		return trace.SpanContext{}
	}
	return s.span.SpanContext()
}

// End ends the span with what is known of the outcome. Only the first call
// counts.
func (s *Span) End(o Outcome) {
	if s == nil || !s.ended.CompareAndSwap(false, true) || s.t.broken.Load() {
		return
	}
	if o.At.IsZero() {
		o.At = time.Now()
	}
	s.t.guard(func() {
		if s.kind == "task" {
			s.span.SetAttributes(attrTaskResult.String(o.Result.String()))
		}
		describe(s.span, o)
		s.linkOrigin(o.Cause)
		s.span.End(trace.WithTimestamp(o.At))
	})
}

// linkOrigin links to the span in which the cancellation began.
func (s *Span) linkOrigin(c *Cause) {
	if c == nil || !c.Origin.IsValid() || c.Origin.SpanID() == s.span.SpanContext().SpanID() {
		return
	}
	for _, id := range s.links {
		if id == c.Origin.SpanID() {
			return
		}
	}
	s.span.AddLink(trace.Link{SpanContext: c.Origin})
}

// Event adds an event to the span.
func (s *Span) Event(name string, attrs ...attribute.KeyValue) {
	if s != nil && !s.t.broken.Load() {
		s.t.guard(func() { s.span.AddEvent(name, trace.WithAttributes(attrs...)) })
	}
}

func spanName(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + name
}
