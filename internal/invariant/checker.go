package invariant

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

// A Checker is a span processor that holds every trace to the invariants. Make
// its spans with its [Checker.Provider]. All methods may be called from any
// goroutine.
//
// It keeps little of a span, and of a trace that is over nothing once many later
// ones have come: what is told late (a leaf span, that its operation was counted)
// still finds its trace, and a suite of a million traces fits the memory.
type Checker struct {
	keep   int                    // how many spans of traces that are over are kept
	origin func() string          // names what begins a trace, for reports; or nil
	exempt func(from string) bool // reports whether traces of that origin may be broken; or nil

	mu        sync.Mutex // guards the rest, and what it leads to
	uncounted bool
	spans     map[trace.SpanID]*record
	traces    map[trace.TraceID]*traceRecord
	outside   map[trace.SpanID]bool
	over      []*traceRecord // complete, oldest first; some of them are open again
	kept      int            // spans of those
	broken    []*traceRecord // in the order in which that was seen
}

// A traceRecord is one trace.
type traceRecord struct {
	id    trace.TraceID
	from  string
	asked int // how often, in vain
	spans []*record
	open  int
	over  bool // it stands in Checker.over
	kept  int  // how many spans it counts for there
	began int  // operations
	told  int  // operations that its leaves stand for
	wrong []string
}

// A record is one span, from its start on.
type record struct {
	id         trace.SpanID
	trace      *traceRecord
	parent     *record // nil: none, or somebody else's
	name       string
	scope      string
	links      []trace.SpanID
	start, end time.Time
	ended      bool // the processor was told
	ends       int  // calls of End
	openBelow  int
	last       *record // the child that ends last, of those that have ended
}

// New returns a Checker that has seen nothing, and keeps all that it sees.
func New() *Checker {
	return &Checker{
		keep: -1, spans: map[trace.SpanID]*record{},
		traces: map[trace.TraceID]*traceRecord{}, outside: map[trace.SpanID]bool{},
	}
}

// Outside says that somebody else records the span: it may be a parent.
func (c *Checker) Outside(sc trace.SpanContext) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outside[sc.SpanID()] = true
}

// DoNotCount has c not count operations: for a sampler that decides by itself on
// each root, since an operation is told as a root when the span has ended in
// which it was called.
func (c *Checker) DoNotCount() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uncounted = true
}

func (c *Checker) traceLocked(id trace.TraceID) *traceRecord {
	t := c.traces[id]
	if t == nil {
		t = &traceRecord{id: id}
		c.traces[id] = t
	}
	return t
}

// sayLocked notes that a trace is broken.
func (c *Checker) sayLocked(t *traceRecord, format string, args ...any) {
	if len(t.wrong) == 0 {
		c.broken = append(c.broken, t)
	}
	if len(t.wrong) < mostLines {
		t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	}
}

// began counts an operation, in the trace in which it is to be told.
func (c *Checker) began(ctx context.Context, n int) {
	span := trace.SpanFromContext(ctx)
	sc := span.SpanContext()
	if !span.IsRecording() && (!sc.IsSampled() || sc.IsRemote()) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.traceLocked(sc.TraceID())
	c.nameLocked(t, nil)
	t.began += n
}

// nameLocked finds out where a trace comes from: by the stack, on which that is
// not always seen at first, or by what it is linked to.
func (c *Checker) nameLocked(t *traceRecord, links []sdktrace.Link) {
	if c.origin == nil || t.from != "" || t.asked == 8 {
		return
	}
	t.asked++
	if t.from = c.origin(); t.from == "" && len(links) > 0 {
		if other := c.traces[links[0].SpanContext.TraceID()]; other != nil {
			t.from = other.from
		}
	}
}

// OnStart is part of [sdktrace.SpanProcessor].
func (c *Checker) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	sc, parent := s.SpanContext(), s.Parent()
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.traceLocked(sc.TraceID())
	c.nameLocked(t, s.Links())
	r := &record{id: sc.SpanID(), trace: t, name: s.Name(), scope: s.InstrumentationScope().Name, start: s.StartTime()}
	r.link(s)
	c.spans[sc.SpanID()] = r
	t.spans = append(t.spans, r)
	t.open++
	c.toldLocked(r, s)
	if !parent.IsValid() || parent.IsRemote() || c.outside[parent.SpanID()] {
		return
	}
	p := c.spans[parent.SpanID()]
	if p == nil {
		c.sayLocked(t, "span %q has a parent that was not recorded", r.name)
		return
	}
	r.parent = p
	p.openBelow++
	if p.scope == otelx.OpsScopeName {
		c.sayLocked(t, "span %q is a child of the single operation %q", r.name, p.name)
	}
	if d := p.start.Sub(r.start); d > 0 {
		c.sayLocked(t, "span %q began %v before its parent %q", r.name, d, p.name)
	}
}

// link keeps where the span is linked to.
func (r *record) link(s sdktrace.ReadOnlySpan) {
	r.links = nil
	for _, l := range s.Links() {
		r.links = append(r.links, l.SpanContext.SpanID())
	}
}

// toldLocked counts what a leaf stands for. One that is a root, because the span
// in which it was called has ended, is linked to that first.
func (c *Checker) toldLocked(r *record, s sdktrace.ReadOnlySpan) {
	if r.scope != otelx.OpsScopeName {
		return
	}
	n := 1
	for _, kv := range s.Attributes() {
		if kv.Key == attribute.Key("corral.op.count") {
			n = int(kv.Value.AsInt64())
		}
	}
	t := r.trace
	if links := s.Links(); !s.Parent().IsValid() && len(links) > 0 {
		t = c.traceLocked(links[0].SpanContext.TraceID())
	}
	t.told += n
}

// ending counts the calls of End. A second one is news even to a trace that is
// over, unless it is long over.
func (c *Checker) ending(id trace.SpanID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.spans[id]
	if r == nil {
		return
	}
	if r.ends++; r.ends == 2 {
		c.sayLocked(r.trace, "span %q was ended twice", r.name)
	}
}

// OnEnd is part of [sdktrace.SpanProcessor].
func (c *Checker) OnEnd(s sdktrace.ReadOnlySpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.spans[s.SpanContext().SpanID()]
	if r == nil || r.ended {
		return
	}
	t := r.trace
	r.name, r.end, r.ended = s.Name(), s.EndTime(), true
	r.link(s)
	foreignNames(s, func(format string, args ...any) { c.sayLocked(t, format, args...) })
	if r.end.Before(r.start) {
		c.sayLocked(t, "span %q ends before it begins", r.name)
	}
	c.insideLocked(r)
	if t.open--; t.open == 0 {
		c.overLocked(t)
	}
}

// insideLocked holds r, which has just ended, against its parent, if that has
// ended, and against its children that have.
func (c *Checker) insideLocked(r *record) {
	if r.openBelow > 0 {
		var names []string
		for _, child := range r.trace.spans {
			if child.parent == r && !child.ended && !retroactive(child.scope, child.name) {
				names = append(names, fmt.Sprintf("%q", child.name))
			}
		}
		if len(names) > 0 {
			c.sayLocked(r.trace, "span %q has ended, and was outlived by its children: %s", r.name, strings.Join(names, ", "))
		}
	}
	if r.last != nil {
		c.outlivesLocked(r.last, r)
	}
	p := r.parent
	if p == nil {
		return
	}
	p.openBelow--
	switch {
	case p.ended:
		c.outlivesLocked(r, p)
	case p.last == nil || p.last.end.Before(r.end):
		p.last = r
	}
}

func (c *Checker) outlivesLocked(child, parent *record) {
	if d := child.end.Sub(parent.end); d > 0 {
		c.sayLocked(child.trace, "span %q outlives its parent %q by %v", child.name, parent.name, d)
	}
}

// Shutdown is part of [sdktrace.SpanProcessor].
func (c *Checker) Shutdown(context.Context) error { return nil }

// ForceFlush is part of [sdktrace.SpanProcessor].
func (c *Checker) ForceFlush(context.Context) error { return nil }
