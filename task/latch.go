package task

import (
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// latched is what of ours package wait can watch without a goroutine.
type latched interface {
	ending() *park.Latch
	stateNow() scope.State
	spanContext() trace.SpanContext
}

func (f *Future[T]) ending() *park.Latch            { return &f.latch }
func (f *Future[T]) stateNow() scope.State          { return f.State() }
func (f *Future[T]) spanContext() trace.SpanContext { return f.trace.context() }
func (t *Task[T]) ending() *park.Latch              { return seam.ChildLatch(&t.child) }
func (t *Task[T]) stateNow() scope.State            { return t.State() }
func (t *Task[T]) spanContext() trace.SpanContext   { return t.child.SpanContext() }

func init() {
	seam.LatchOf = func(aw any) *park.Latch {
		switch a := aw.(type) {
		case latched:
			return a.ending()
		case *scope.Child:
			return seam.ChildLatch(a)
		}
		return nil
	}
	seam.StateOf = func(aw any) uint8 {
		switch a := aw.(type) {
		case latched:
			return uint8(a.stateNow())
		case *scope.Child:
			return uint8(a.State())
		}
		return uint8(scope.Pending)
	}
	seam.SpanOf = func(aw any) trace.SpanContext {
		switch a := aw.(type) {
		case latched:
			return a.spanContext()
		case *scope.Child:
			return a.SpanContext()
		}
		return trace.SpanContext{}
	}
}
