package otelx

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// When a task has used up its leaf budget, runs of further quick and successful
// operations of one kind on one object become one span: a composite. A worker
// takes from one object and puts into another in turn, so a few composites are
// kept open side by side; when there are more, one that was not used last gives
// way, and all are told before the span they are in ends. The sum of corral.op.count (1
// where absent) is the number of operations.
const (
	openComposites = 4
	maxLinks       = 16 // of a composite
	quickly        = time.Millisecond
)

// composite is one leaf, or several that were merged into it.
type composite struct {
	ctx     context.Context // of the first
	above   trace.SpanContext
	leaf    Leaf   // the first, with the end of the last
	word    string // error.type
	count   int    // further ones
	total   time.Duration
	longest time.Duration
	links   []trace.SpanContext // of the further ones
}

// quick reports whether a leaf may be merged: an operation that was blocked for
// long, or failed, has a span of its own in any case.
func (l *Leaf) quick() bool { return (l.Err == nil || l.Expected) && l.Blocked < quickly }

// mergeLocked merges l into the composite it belongs to, or opens one for it,
// and returns the one to tell because it gives way, or nil.
func (s *Span) mergeLocked(ctx context.Context, above trace.SpanContext, l *Leaf) (out *composite) {
	word := ""
	if l.Err != nil {
		word = l.errorType()
	}
	for i := range s.merged {
		if c := &s.merged[i]; c.takes(l, above, word) {
			c.add(l)
			last := len(s.merged) - 1 // the most recent is last
			s.merged[i], s.merged[last] = s.merged[last], s.merged[i]
			return nil
		}
	}
	if len(s.merged) == openComposites {
		gone := s.merged[0]
		out = &gone
		copy(s.merged, s.merged[1:])
		s.merged = s.merged[:openComposites-1]
	}
	took := l.End.Sub(l.Start)
	s.merged = append(s.merged, composite{ctx: ctx, above: above, leaf: *l, word: word, total: took, longest: took})
	return out
}

func (c *composite) takes(l *Leaf, above trace.SpanContext, word string) bool {
	return c.leaf.Kind == l.Kind && c.leaf.Name == l.Name && c.leaf.On == l.On &&
		c.word == word && c.above.SpanID() == above.SpanID()
}

func (c *composite) add(l *Leaf) {
	took := l.End.Sub(l.Start)
	c.count++
	c.total += took
	c.longest = max(c.longest, took)
	if l.Start.Before(c.leaf.Start) { // of another goroutine
		c.leaf.Start = l.Start
	}
	c.leaf.End = l.End
	c.leaf.WasBlocked = c.leaf.WasBlocked || l.WasBlocked
	c.leaf.Size, c.leaf.HasSize = l.Size, l.HasSize
	c.link(l.link())
}

// link keeps a link that is new.
func (c *composite) link(sc trace.SpanContext) {
	if !sc.IsValid() || sc.SpanID() == c.leaf.link().SpanID() || len(c.links) >= maxLinks-1 {
		return
	}
	for _, known := range c.links {
		if known.SpanID() == sc.SpanID() {
			return
		}
	}
	c.links = append(c.links, sc)
}
