package otelx

import "go.opentelemetry.io/otel/trace"

// An Origin is a span to link to, as something to keep, which does not keep the
// span. It is for Corral's own packages.
type Origin struct {
	Context trace.SpanContext
	link    trace.SpanStartOption // to it
}

// OriginOf returns the origin of what happens in a context, or nil if that is
// not valid.
func OriginOf(sc trace.SpanContext) *Origin {
	if !sc.IsValid() {
		return nil
	}
	return &Origin{sc, trace.WithLinks(trace.Link{SpanContext: sc})}
}

// Origin returns the span as something to link to: the same at each call, and
// nil for nil.
func (s *Span) Origin() *Origin {
	if s == nil {
		return nil
	}
	if o := s.origin.Load(); o != nil {
		return o
	}
	o := OriginOf(s.context)
	s.origin.Store(o)
	return o
}
