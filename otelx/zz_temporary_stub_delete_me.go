// TEMPORARY stub so that other packages compile. Delete this file as soon as the real otelx files are here.
package otelx
import ("context";"time";"go.opentelemetry.io/otel/trace";"go.opentelemetry.io/otel/attribute")
type Tracer struct{}
func TracerOf(ctx context.Context) *Tracer {return nil}
type Cause struct { Kind, Scope, Task, Reason string; Origin trace.SpanContext; Deadline, Failure bool }
type Result uint8
const ( Success Result = iota; Failure; Cancellation; Timeout; Panic; Goexit )
type Outcome struct { Result Result; Err error; Cause *Cause; At time.Time }
type SpanStart struct { Kind,Name,Path string; ID uint64; Background,NewRoot bool; Link trace.SpanContext; ScheduleDelay time.Duration; At time.Time }
func (t *Tracer) Start(ctx context.Context, s SpanStart) (context.Context, *Span) {return ctx,nil}
type Span struct{}
func (s *Span) Context() trace.SpanContext {return trace.SpanContext{}}
func (s *Span) End(o Outcome) {}
func (s *Span) Event(name string, attrs ...attribute.KeyValue) {}
type Leaf struct { Kind,Name string; Start,End time.Time; Blocked time.Duration; WasBlocked bool; Size int; HasSize bool; Link trace.SpanContext; Err error; Cause *Cause }
func (t *Tracer) Leaf(ctx context.Context, l Leaf) {}
func (t *Tracer) Leaves() bool {return false}
