package sync

import (
	"context"
	"errors"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// Option shapes a primitive. A nil Option, and one that does not concern the
// primitive, is ignored.
type Option interface{ applySync() }

type (
	nameOption string
	maxOption  int
)

func (nameOption) applySync() {}
func (maxOption) applySync()  {}

// Name names a primitive, in spans, metrics and the live tree. Keep it of low
// cardinality.
func Name(name string) Option { return nameOption(name) }

// MaxValue bounds the value of a [Semaphore]: a Release beyond it returns
// [ErrOverRelease].
func MaxValue(n int) Option { return maxOption(n) }

func nameOf(opts []Option) string {
	name := ""
	for _, o := range opts {
		if o, ok := o.(nameOption); ok {
			name = string(o)
		}
	}
	return name
}

// mustHave refuses a nil ctx.
func mustHave(ctx context.Context, call string) {
	if ctx == nil {
		panic("sync: " + call + " with a nil ctx: pass the ctx of the scope or task that calls")
	}
}

// endAcquire records an operation on anything but a queue.
func endAcquire(op *park.Op, on any, name string, err error) {
	op.End(otelx.Leaf{Kind: "acquire", Name: name, On: on, Expected: errors.Is(err, ErrWouldBlock)}, err)
}
