package otelx

import (
	"maps"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// A shape is what the spans of one kind and name have in common: what it takes
// to start one is made once. Most leaves differ in their times only, from one
// that there was shortly before: its attributes are kept, as the option that
// hands them to the SDK, which copies them.
type shape struct {
	text  string // name of the span
	slots [32]atomic.Pointer[ready]
	path  atomic.Pointer[readyScope]
}

// shapeKey says which shape is meant.
type shapeKey struct {
	kind, name string
	future     bool
}

// ready are the attributes of the leaves of one shape that succeeded, with the
// size in which those of a slot differ.
type ready struct {
	size   int // -1: none
	option trace.SpanStartOption
}

// readyScope are the attributes of the spans of one name and path.
type readyScope struct {
	path   string
	fn     uintptr // 0: not told
	option trace.SpanStartOption
}

// shape returns the shape of what is called so. Those in use are kept, as long
// as they are as few as they should be.
func (t *Tracer) shape(k shapeKey) *shape {
	known := t.shapes.Load()
	if known != nil {
		if s, ok := (*known)[k]; ok {
			return s
		}
	}
	s := &shape{text: k.kind}
	if k.name != "" {
		s.text += " " + k.name
	}
	if known != nil && len(*known) >= maxSets {
		return s
	}
	t.shapesMu.Lock()
	defer t.shapesMu.Unlock()
	more := map[shapeKey]*shape{}
	if known = t.shapes.Load(); known != nil {
		if first, ok := (*known)[k]; ok { // of another goroutine
			return first
		}
		if len(*known) >= maxSets { // by now
			return s
		}
		maps.Copy(more, *known)
	}
	more[k] = s
	t.shapes.Store(&more)
	return s
}

// leaf returns the attributes of a leaf that succeeded. Sizes share slots;
// whether it was blocked does not.
func (s *shape) leaf(l *Leaf) trace.SpanStartOption {
	size := -1
	if l.HasSize {
		size = l.Size
	}
	slot := 2 * (size + 1)
	if l.WasBlocked {
		slot++
	}
	at := &s.slots[slot%len(s.slots)]
	if r := at.Load(); r != nil && r.size == size {
		return r.option
	}
	option := trace.WithAttributes(l.attributes(nil, nil)...)
	at.Store(&ready{size, option})
	return option
}

// scope returns the attributes of a scope's span.
func (s *shape) scope(start *SpanStart, code bool) trace.SpanStartOption {
	fn := start.Func
	if !code {
		fn = 0
	}
	if r := s.path.Load(); r != nil && r.path == start.Path && r.fn == fn {
		return r.option
	}
	option := trace.WithAttributes(start.attributes(nil, code)...)
	s.path.Store(&readyScope{start.Path, fn, option})
	return option
}
