package otelx

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// SpanStart is what is known of a scope, task or other eager span when it
// begins.
type SpanStart struct {
	Kind          string // "scope", "task", "shutdown", "future", "process"
	Name          string // "": the span is named after the kind alone
	Path          string // of the scope
	ID            uint64 // of a task
	Background    bool
	NewRoot       bool              // a trace of its own, linked to the span in ctx
	Link          trace.SpanContext // to link to, if it is another than the parent
	ScheduleDelay time.Duration     // of a task
	Func          uintptr           // the code that is run, if any
	At            time.Time         // zero: now
}

// Span is the span of a scope or task. Every method is safe on nil. It is for
// Corral's own packages.
type Span struct {
	t         *Tracer
	span      trace.Span
	context   trace.SpanContext
	recording bool
	kind      string
	path      string
	links     []trace.SpanID
	ended     atomic.Bool
	origin    atomic.Pointer[Origin]

	mu     sync.Mutex // guards the rest; not held while the SDK is called
	sealed bool
	merged []composite // leaves that wait to be told
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
	span := &Span{t: t, kind: s.Kind, path: s.Path}
	inner := t.start(ctx, span, &s)
	if span.span == nil {
		return ctx, nil
	}
	return inner, span
}

// spanParts is what the SDK is handed for a span, in one allocation: it copies
// what it keeps.
type spanParts struct {
	attrs [4]attribute.KeyValue
	start [4]trace.SpanStartOption
}

func (t *Tracer) start(ctx context.Context, span *Span, s *SpanStart) context.Context {
	defer t.rescue()
	if !s.NewRoot && over(ctx) {
		s.NewRoot = true
	}
	shape := t.shape(shapeKey{kind: s.Kind, name: s.Name})
	var opts []trace.SpanStartOption
	if s.Kind == "scope" {
		opts = append(make([]trace.SpanStartOption, 0, 3), trace.WithTimestamp(s.At), shape.scope(s, t.code))
	} else {
		parts := new(spanParts)
		opts = append(parts.start[:0], trace.WithTimestamp(s.At), trace.WithAttributes(s.attributes(parts.attrs[:0], t.code)...))
	}
	if s.NewRoot || s.Link.IsValid() {
		if links := s.links(trace.SpanContextFromContext(ctx)); len(links) > 0 {
			opts = append(opts, trace.WithLinks(links...))
			for _, l := range links {
				span.links = append(span.links, l.SpanContext.SpanID())
			}
		}
	}
	if s.NewRoot {
		opts = append(opts, trace.WithNewRoot())
	}
	inner, sdk := t.spans.Start(ctx, shape.text, opts...)
	span.context, span.recording = sdk.SpanContext(), sdk.IsRecording()
	span.span = sdk
	return inner
}

// over reports whether the span in ctx was recorded and has ended: then nothing
// begins inside it any more (R81).
func over(ctx context.Context) bool {
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		return false
	}
	sc := span.SpanContext()
	return sc.IsSampled() && !sc.IsRemote()
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

func (s *SpanStart) attributes(attrs []attribute.KeyValue, code bool) []attribute.KeyValue {
	if s.Name != "" {
		attrs = append(attrs, s.nameKey().String(s.Name))
	}
	if s.Kind == "task" {
		attrs = append(attrs, attrTaskID.Int64(int64(s.ID)), attrScheduleDelay.Float64(s.ScheduleDelay.Seconds()))
		if s.Background {
			attrs = append(attrs, attrBackground.Bool(true))
		}
	}
	if s.Path != "" {
		attrs = append(attrs, attrScopePath.String(s.Path))
	}
	if code && s.Func != 0 {
		if f := runtime.FuncForPC(s.Func); f != nil {
			attrs = append(attrs, attrFunction.String(f.Name()))
		}
	}
	return attrs
}

func (s *SpanStart) nameKey() attribute.Key {
	switch s.Kind {
	case "task":
		return attrTaskName
	case "future":
		return attrFutureName
	case "process":
		return attrQueueName
	}
	return attrScopeName
}

// Path returns the path that the span was started with.
func (s *Span) Path() string {
	if s == nil {
		return ""
	}
	return s.path
}

// Context returns the span's context; it is not valid for nil.
func (s *Span) Context() trace.SpanContext {
	if s == nil {
		return trace.SpanContext{}
	}
	return s.context
}

// Recording reports whether anything is recorded. What is inside a span that
// is not sampled need not ask for spans of its own.
func (s *Span) Recording() bool { return s != nil && s.recording }

// Seal tells what is left to be told inside the span and returns the time at
// which it ends: nothing is recorded inside it any more, so what lies inside
// has ended before (R81). A second call does nothing and returns zero.
func (s *Span) Seal() (end time.Time) {
	if s == nil {
		return end
	}
	s.mu.Lock()
	if s.sealed {
		s.mu.Unlock()
		return end
	}
	s.sealed = true
	end = time.Now()
	merged := s.merged
	s.merged = nil
	s.mu.Unlock()
	for i := range merged {
		c := &merged[i]
		s.t.tell(c.ctx, c.above, false, &c.leaf, c)
	}
	return end
}

// Within returns the time for something that ends now and began inside the
// span; open is false if the span has ended, and then it must be a root of its
// own.
func (s *Span) Within() (now time.Time, open bool) {
	if s == nil {
		return time.Now(), false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now(), !s.sealed
}

// End ends the span with what is known of the outcome. Only the first call
// counts.
func (s *Span) End(o Outcome) {
	if s == nil || !s.ended.CompareAndSwap(false, true) {
		return
	}
	at := s.Seal()
	if o.At.IsZero() {
		o.At = at
	}
	if o.At.IsZero() { // it was sealed before
		o.At = time.Now()
	}
	if s.t.broken.Load() {
		return
	}
	s.finish(&o)
}

// endParts is what the SDK is handed at the end, in one allocation.
type endParts struct {
	attrs [3]attribute.KeyValue
	end   [1]trace.SpanEndOption
}

func (s *Span) finish(o *Outcome) {
	if !s.recording {
		defer s.t.rescue()
		s.span.End()
		return
	}
	parts := new(endParts)
	attrs := o.append(parts.attrs[:0])
	switch s.kind {
	case "task":
		attrs = append(attrs, attrTaskResult.String(o.Result.String()))
		attrs = o.Track.appendWaits(attrs)
	case "scope":
		attrs = o.Track.appendPath(attrs, o.Scope, o.Opened, o.At)
	}
	code, text := o.verdict()
	ends := append(parts.end[:0], trace.WithTimestamp(o.At))
	defer s.t.rescue()
	if code != 0 {
		s.span.SetStatus(code, text)
	}
	if len(attrs) > 0 {
		s.span.SetAttributes(attrs...)
	}
	s.linkOrigin(o.Cause)
	s.span.End(ends...)
}

// linkOrigin links to the span in which the cancellation began.
func (s *Span) linkOrigin(c *Cause) {
	if c == nil || !c.Origin.IsValid() || c.Origin.SpanID() == s.context.SpanID() {
		return
	}
	for _, id := range s.links {
		if id == c.Origin.SpanID() {
			return
		}
	}
	s.span.AddLink(trace.Link{SpanContext: c.Origin})
}

// event adds an event to the span.
func (s *Span) event(name string, at time.Time, attrs []attribute.KeyValue) {
	if s.Recording() && !s.t.broken.Load() {
		defer s.t.rescue()
		s.span.AddEvent(name, trace.WithTimestamp(at), trace.WithAttributes(attrs...))
	}
}

// Canceled tells, on the span of the scope in which a cancellation began, how
// many tasks it has reached, and when the last of them had ended.
func (s *Span) Canceled(c *Cause, reached int, last time.Time) {
	if !s.Recording() || c == nil {
		return
	}
	took := max(0, last.Sub(c.At))
	s.event("corral.cancel", c.At, append(c.append(nil),
		attrCancelReached.Int(reached), attrCancelTime.Float64(took.Seconds())))
}
