package otelx

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// SpanKey is the key under which a context carries the span that
// trace.SpanFromContext finds. The SDK asks for it four times for each span it
// starts: a context of Corral's that has a span answers at once, in place of
// asking one context after the other. It is for Corral's own packages.
var SpanKey = func() any {
	var asked keyProbe
	trace.SpanFromContext(&asked)
	return asked.key
}()

// keyProbe is a context that notes which key it is asked for.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

// Value is the span as a context carries it under [SpanKey], or nil.
func (s *Span) Value() any {
	if s == nil {
		return nil
	}
	return s.span
}
