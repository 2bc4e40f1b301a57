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
//
// One that has begun ends, also if it fails: operations are counted at both ends
// (see internal/invariant).
type Op struct {
	ctx     context.Context
	place   *Place
	tracer  *otelx.Tracer // nil: no leaf is recorded
	meter   *otelx.Meter  // nil: nothing is measured
	start   time.Time     // if one of them is not nil
	blocked time.Duration
	waited  bool
	from    *otelx.Origin // of who ended the last wait, if that is known
	sampled bool          // what is measured leads to a span
}

// Begin starts an operation that may block: its error is the cancellation of
// ctx, and then nothing may be done (R2).
func (op *Op) Begin(ctx context.Context) error {
	op.BeginTry(ctx)
	return op.enter(ctx)
}

// BeginUntold is [Op.Begin] for what has no leaf span, because another span
// covers it, and only it: the waits are measured, and there is no End.
func (op *Op) BeginUntold(ctx context.Context) error {
	op.begin(ctx)
	op.tracer = nil
	return op.enter(ctx)
}

func (op *Op) enter(ctx context.Context) error {
	if err := enterAt(ctx, op.place); err != nil {
		return err
	}
	op.place.mustBeHome()
	return nil
}

// Quick is for what can be done at once in most cases: ok means that ctx is not
// cancelled, that no deadline of ours applies to it, and that nothing is recorded
// of it, so that an operation that succeeds without waiting need not begin. It
// also returns where ctx is.
func Quick(ctx context.Context) (p *Place, ok bool) {
	p = PlaceOf(ctx)
	return p, p != nil && p.Ctx == ctx && p.Tracer == nil && !p.Timed && ctx.Err() == nil && fault.Load() == nil
}

// Silent is [Quick] for what is measured as well, and is refused away from home:
// nothing would be made of an operation that ends at once.
func Silent(ctx context.Context) (p *Place, ok bool) {
	p, ok = Quick(ctx)
	return p, ok && p.Meter == nil && !p.Strand.Elsewhere()
}

// BeginTry starts an operation that never blocks and does not care for
// cancellation: its ctx only places the span.
func (op *Op) BeginTry(ctx context.Context) {
	op.begin(ctx)
	if op.tracer != nil {
		op.tracer.Begin(ctx)
	}
}

func (op *Op) begin(ctx context.Context) {
	p := PlaceOf(ctx)
	op.ctx, op.place = ctx, p
	var tracer *otelx.Tracer
	var meter *otelx.Meter
	if p != nil && p.Ctx == ctx {
		tracer, meter = p.Tracer, p.Meter
	} else {
		tracer, meter = otelx.Of(ctx)
	}
	if tracer == nil && meter == nil {
		return
	}
	op.sampled = tracer != nil
	if tracer.Leaves() {
		op.tracer = tracer
	}
	if meter.Measures() {
		op.meter = meter
	}
	if op.Traced() {
		op.start = time.Now()
	}
}

// At places what is not told, a release: it may wake somebody.
func (op *Op) At(ctx context.Context) { op.ctx, op.place = ctx, PlaceOf(ctx) }

// Wait is [Wait] for this operation.
func (op *Op) Wait(mu sync.Locker, line *Line, t *Ticket, what Awaited) error {
	_, err := op.WaitFor(mu, line, t, what, 0)
	return err
}

// WaitFor is [Op.Wait] that also ends after d, if d is positive: then timedOut
// is true, t is out of the line and nothing was handed over.
func (op *Op) WaitFor(mu sync.Locker, line *Line, t *Ticket, what Awaited, d time.Duration) (timedOut bool, err error) {
	blocked, from, err := wait(op.ctx, op.place, mu, line, t, what, d, op.Traced())
	op.took(what, blocked, from)
	if err == errTimedOut { //nolint:errorlint // wait's own value
		return true, nil
	}
	return false, err
}

// Join is [Join] for this operation: no cancellation ends the wait.
func (op *Op) Join(mu sync.Locker, line *Line, t *Ticket, what Awaited) {
	blocked, from, _ := wait(nil, op.place, mu, line, t, what, 0, op.Traced())
	op.took(what, blocked, from)
}

// took notes how long a wait took, and who ended it.
func (op *Op) took(what Awaited, blocked time.Duration, from *otelx.Origin) {
	op.blocked += blocked
	op.waited, op.from = true, from
	if op.meter != nil {
		kind, name := labelOf(what)
		op.meter.Waited(op.measured(), kind, name, blocked)
	}
}

// Wake wakes a waiter that this operation has served: what it waited for came
// from here. On a nil ticket it does nothing. [Ticket.Wake] is for a release of
// which nobody knows who asked for it.
func (op *Op) Wake(t *Ticket) { op.place.Wake(t) }

// Wake is [Op.Wake] for an operation that was called from p, or nil.
func (p *Place) Wake(t *Ticket) {
	if t == nil || t.w == nil || p == nil || t.w.track.Load() == nil {
		t.Wake()
		return
	}
	t.wake(p.Strand.Track().Release(p.Span.Origin()))
}

// Traced reports whether End would tell or measure anything.
func (op *Op) Traced() bool { return op.tracer != nil || op.meter != nil }

// Meter returns what the operation is measured with, or nil: for an object that
// is to be watched from its first operation on.
func (op *Op) Meter() *otelx.Meter { return op.meter }

// Place is where in the tree the operation is called from, or nil.
func (op *Op) Place() *Place { return op.place }

// measured is the context to measure in: only one that leads to a span is
// worth a look.
func (op *Op) measured() context.Context {
	if op.sampled {
		return op.ctx
	}
	return context.Background()
}

// End records the operation: as a leaf span, and where there is a metric for
// it. The caller fills in what it knows (kind, name, size, link); times and the
// outcome are filled in here. An acquire that has waited is linked to who let
// it go on.
func (op *Op) End(l otelx.Leaf, err error) {
	if !op.Traced() {
		return
	}
	l.Start, l.End, l.Blocked, l.WasBlocked = op.start, time.Now(), op.blocked, op.waited
	l.Err = err
	if op.meter != nil {
		op.meter.Operation(op.measured(), &l)
	}
	if op.tracer == nil {
		return
	}
	if err != nil {
		l.Cause = Explain(err)
	}
	l.Meter = op.meter
	if p := op.place; p != nil {
		l.In, l.Track = p.Span, p.Strand.Track()
	}
	if op.from != nil && l.Kind == "acquire" && !l.Link.IsValid() {
		l.From = op.from
	}
	op.tracer.Leaf(op.ctx, &l)
}
