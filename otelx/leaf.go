package otelx

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Leaf is one finished operation. It is for Corral's own packages.
type Leaf struct {
	Kind       string // "put", "get", "await", "acquire"
	Name       string // of the queue, task or primitive; "": the kind alone names the span
	On         any    // the object itself, to tell those of one name apart; nil: the name does
	Start, End time.Time
	Blocked    time.Duration // of that time
	WasBlocked bool
	Size       int // of the queue, afterwards
	HasSize    bool
	Future     bool              // what is awaited is a future
	Put        time.Time         // of a get: when the item was stored; zero if unknown
	Link       trace.SpanContext // to link to, if it is valid
	From       *Origin           // to link to instead, if it is not nil
	Err        error
	Cause      *Cause // if Err is a cancellation
	Expected   bool   // Err is an answer, not a failure: closed, full, empty

	In    *Span  // of the task or body that it was called from, or nil
	Track *Track // of the strand that it was called from, or nil
	Meter *Meter // counts what is not told
}

// Leaf records an operation as a span below the one in ctx, with the times it
// had. It records nothing if the level leaves it out, or if the span in ctx is
// not recording. Below a span that has ended nothing may begin: then it is a
// root of its own, linked to that (R81).
func (t *Tracer) Leaf(ctx context.Context, l *Leaf) {
	if !t.Leaves() {
		return
	}
	parent := trace.SpanFromContext(ctx)
	above := parent.SpanContext()
	open := parent.IsRecording()
	if !open && (!above.IsSampled() || above.IsRemote()) {
		return
	}
	if t.level == LevelBlocking && !l.WasBlocked && l.Err == nil {
		l.Meter.suppress(ctx, l.Kind, "level", 1)
		if t.ledger != nil {
			t.ledger.LeaveOutOperation(ctx)
		}
		return
	}
	in := l.In
	if in == nil {
		l.end()
		t.tell(ctx, above, !open, l, nil)
		return
	}
	in.mu.Lock()
	l.end()
	root := !open || in.sealed && in.context.SpanID() == above.SpanID()
	alone := root || in.sealed || !l.quick() || !l.Track.spent(t.budget)
	var out *composite
	if !alone {
		out = in.mergeLocked(ctx, above, l)
	}
	in.mu.Unlock()
	switch {
	case alone:
		t.tell(ctx, above, root, l, nil)
	case out != nil:
		t.tell(out.ctx, out.above, false, &out.leaf, out)
	}
}

func (l *Leaf) end() {
	if l.End.IsZero() {
		l.End = time.Now()
	}
}

// leafParts is what the SDK is handed for a leaf, in one allocation: it copies
// what it keeps.
type leafParts struct {
	start [4]trace.SpanStartOption
	end   [1]trace.SpanEndOption
}

// tell makes the span of one leaf, or, with c, of those that were merged.
func (t *Tracer) tell(ctx context.Context, above trace.SpanContext, root bool, l *Leaf, c *composite) {
	if t.broken.Load() {
		return
	}
	parts, shape := new(leafParts), t.shape(shapeKey{l.Kind, l.Name, l.Future})
	opts := append(parts.start[:0], trace.WithTimestamp(l.Start))
	if root {
		opts = append(opts, trace.WithNewRoot())
	}
	if l.Err == nil && c == nil && !root {
		opts = append(opts, shape.leaf(l))
		if l.From != nil {
			opts = append(opts, l.From.link)
		} else if l.Link.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: l.Link}))
		}
	} else {
		opts = append(opts, trace.WithAttributes(l.attributes(nil, c)...), trace.WithLinks(l.links(above, root, c)...))
	}
	code, text := l.outcome().verdict()
	if c != nil {
		l.Meter.suppress(ctx, l.Kind, "budget", c.count)
	}
	ends := append(parts.end[:0], trace.WithTimestamp(l.End))
	defer t.rescue()
	_, span := t.leaves.Start(ctx, shape.text, opts...)
	if code != 0 {
		span.SetStatus(code, text)
	}
	span.End(ends...)
}

// link is what to link to.
func (l *Leaf) link() trace.SpanContext {
	if l.From != nil {
		return l.From.Context
	}
	return l.Link
}

func (l *Leaf) links(above trace.SpanContext, root bool, c *composite) (links []trace.Link) {
	add := func(sc trace.SpanContext) { links = append(links, trace.Link{SpanContext: sc}) }
	if root {
		add(above)
	}
	link := l.link()
	if link.IsValid() {
		add(link)
	}
	if c != nil {
		for _, sc := range c.links {
			add(sc)
		}
	}
	if l.Cause != nil && l.Cause.Origin.IsValid() && l.Cause.Origin.SpanID() != link.SpanID() {
		add(l.Cause.Origin)
	}
	return links
}

func (l *Leaf) attributes(attrs []attribute.KeyValue, c *composite) []attribute.KeyValue {
	attrs = append(attrs, attrOpBlocked.Bool(l.WasBlocked))
	switch {
	case l.Name == "":
	case l.Kind == "put" || l.Kind == "get":
		attrs = append(attrs, attrQueueName.String(l.Name))
	case l.Future:
		attrs = append(attrs, attrFutureName.String(l.Name))
	}
	if l.HasSize {
		attrs = append(attrs, attrQueueSize.Int(l.Size))
	}
	if l.Err != nil {
		if word := l.errorType(); word != "" {
			attrs = append(attrs, attrErrorType.String(word))
		}
		attrs = l.Cause.append(attrs)
	}
	if c != nil && c.count > 0 {
		attrs = append(attrs, attrOpCount.Int(c.count+1),
			attrOpTime.Float64(c.total.Seconds()), attrOpMax.Float64(c.longest.Seconds()))
	}
	return attrs
}

func (l *Leaf) outcome() Outcome {
	o := Outcome{Result: Failure, Err: l.Err, Cause: l.Cause}
	switch {
	case l.Err == nil, l.Expected:
		o.Result = Success
	case l.Cause == nil:
	case l.Cause.Deadline:
		o.Result = Timeout
	default:
		o.Result = Cancellation
	}
	return o
}

// errorType also has a word for an answer that is no failure.
func (l *Leaf) errorType() string {
	if l.Expected && l.Err != nil {
		return typeOf(l.Err)
	}
	return l.outcome().errorType()
}
