package task

import (
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// latched is what of ours package wait can watch without a goroutine.
type latched interface{ ending() *park.Latch }

func (f *Future[T]) ending() *park.Latch { return &f.latch }
func (t *Task[T]) ending() *park.Latch   { return seam.ChildLatch(&t.child) }

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
}
