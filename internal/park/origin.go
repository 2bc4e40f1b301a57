package park

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

// Origin is what an item takes along from the operation that stores it to the
// one that takes it: the context it was put in, and when. The zero Origin says
// nothing.
type Origin struct {
	span *otelx.Origin // nil if it is not traced
	at   int64         // Unix nanoseconds, 0 if nothing is measured
}

// Origin returns what an item that this operation stores takes along.
func (op *Op) Origin() Origin {
	var o Origin
	if op.Traced() {
		o.at = op.start.UnixNano()
	}
	switch {
	case !op.sampled:
	case op.place != nil && op.place.Ctx == op.ctx:
		o.span = op.place.Span.Origin()
	default:
		o.span = otelx.OriginOf(trace.SpanContextFromContext(op.ctx))
	}
	return o
}

// Stored says that the item that has this origin was stored only by op: its
// putter had waited for room. A nil op is one that is not measured.
func (o *Origin) Stored(op *Op) {
	if o.at != 0 && op != nil && op.Traced() {
		o.at = op.start.UnixNano()
	}
}

// Tell puts the origin of the item that was taken on the leaf of the operation
// that took it.
func (o Origin) Tell(l *otelx.Leaf) {
	l.From = o.span
	if o.at != 0 {
		l.Put = time.Unix(0, o.at)
	}
}

// Span is the context that the item was put in, not valid if that is not traced.
func (o Origin) Span() trace.SpanContext {
	if o.span == nil {
		return trace.SpanContext{}
	}
	return o.span.Context
}
