package park

import (
	"context"
	"sync"
	"time"

	"github.com/corral-go/corral/otelx"
)

// An Op is one operation on a primitive, from its first check to its leaf
// span. It lives on the caller's stack:
//
//	var op park.Op
//	err := op.Begin(ctx)
//	if err == nil { … lock; if it can be done at once, do it; else err = op.Wait(…) }
//	if op.Traced() { op.End(leaf, err) }
type Op struct {
	ctx     context.Context
	place   *Place
	tracer  *otelx.Tracer
	start   time.Time
	blocked time.Duration
	waited  bool
}

// Begin starts an operation that may block: its error is the cancellation of
// ctx, and then nothing may be done (R2).
func (op *Op) Begin(ctx context.Context) error {
	op.BeginTry(ctx)
	return Check(ctx)
}

// BeginTry starts an operation that never blocks and does not care for
// cancellation: its ctx only places the span.
func (op *Op) BeginTry(ctx context.Context) {
	p := PlaceOf(ctx)
	op.ctx, op.place = ctx, p
	var tracer *otelx.Tracer
	if p != nil && p.Ctx == ctx {
		tracer = p.Tracer
	} else {
		tracer = otelx.TracerOf(ctx)
	}
	if tracer.Leaves() {
		op.tracer, op.start = tracer, time.Now()
	}
}

// Wait is [Wait] for this operation.
func (op *Op) Wait(mu sync.Locker, line *Line, t *Ticket, what Awaited) error {
	_, err := op.WaitFor(mu, line, t, what, 0)
	return err
}

// WaitFor is [Op.Wait] that also ends after d, if d is positive: then timedOut
// is true, t is out of the line and nothing was handed over.
func (op *Op) WaitFor(mu sync.Locker, line *Line, t *Ticket, what Awaited, d time.Duration) (timedOut bool, err error) {
	blocked, err := wait(op.ctx, op.place, mu, line, t, what, d)
	op.blocked += blocked
	op.waited = true
	if err == errTimedOut { //nolint:errorlint // wait's own value
		return true, nil
	}
	return false, err
}

// Wake wakes a waiter that this operation has served: what it waited for came
// from here. On a nil ticket it does nothing. [Ticket.Wake] is for a release of
// which nobody knows who asked for it.
func (op *Op) Wake(t *Ticket) { t.Wake() }

// Traced reports whether End would record anything.
func (op *Op) Traced() bool { return op.tracer != nil }

// Place is where in the tree the operation is called from, or nil.
func (op *Op) Place() *Place { return op.place }

// End records the operation as a leaf span. The caller fills in what it knows
// (kind, name, size, link); times and the outcome are filled in here.
func (op *Op) End(l otelx.Leaf, err error) {
	if op.tracer == nil {
		return
	}
	l.Start, l.Blocked, l.WasBlocked = op.start, op.blocked, op.waited
	l.Err, l.Cause = err, Explain(err)
	op.tracer.Leaf(op.ctx, l)
}
