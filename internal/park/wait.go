package park

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/corral-go/corral/otelx"
)

// The error of a cancelled wait is scope's *CanceledError. This package lies
// below scope and cannot name it: scope sets these two when it is initialised.
var (
	// CauseOf returns the cancellation of a cancelled ctx.
	CauseOf func(ctx context.Context) error
	// Explain turns a cancellation into what a span says of it; nil if err is none.
	Explain func(err error) *otelx.Cause
)

// AwaitDue makes sure that every deadline of ctx, which is at p, that is reached
// has taken effect. Scope sets it, as it does CauseOf.
var AwaitDue func(ctx context.Context, p *Place)

// Check is the first thing every blocking call does: it returns the
// cancellation of ctx, or nil (R1, R2). A deadline counts from its instant on,
// whether or not its timer has run (R13). No lock may be held.
func Check(ctx context.Context) error { return checkAt(ctx, PlaceOf(ctx)) }

func checkAt(ctx context.Context, p *Place) error {
	if p != nil && p.Timed && ctx.Err() == nil {
		AwaitDue(ctx, p)
	}
	return CheckNow(ctx)
}

// CheckNow is [Check] under a lock: it does not look at the clock.
func CheckNow(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return CauseOf(ctx)
}

// Wait parks the caller in line until it is served, or ctx is cancelled. mu
// guards line; it is held on entry and not on return. A nil error means that t
// was served and holds what was handed over; an error is the cancellation of
// ctx, and then t is out of the line and nothing was handed over.
func Wait(ctx context.Context, mu sync.Locker, line *Line, t *Ticket, what Awaited) error {
	_, _, err := wait(ctx, PlaceOf(ctx), mu, line, t, what, 0, false)
	return err
}

// Join is [Wait] that no cancellation ends: for the end of a scope, which is
// to see everything inside it end. p is the place of the caller.
func Join(p *Place, mu sync.Locker, line *Line, t *Ticket, what Awaited) {
	_, _, _ = wait(nil, p, mu, line, t, what, 0, false)
}

// wait also returns how long it was parked, if that is asked for with timed, and
// the span of who ended that, if that is known. A positive d ends it after that
// time with errTimedOut.
func wait(ctx context.Context, p *Place, mu sync.Locker, line *Line, t *Ticket, what Awaited, d time.Duration, timed bool) (
	blocked time.Duration, from *otelx.Origin, err error,
) {
	s, w := strandOf(p)
	start := markNow(ctx, s, what, timed)
	watched, governor := watch(ctx, p, s)
	line.push(t, w)
	w.publish(governor)
	mu.Unlock()
	parking(ctx, s)
	if ctx == nil || ctx.Err() == nil || !w.claim(canceled) {
		w.park(watched, d)
	}
	phase, release := finish(s, w)
	woken(ctx)
	if timed || s != nil && s.Track() != nil { // else nobody looks at the clock
		now := time.Now()
		blocked = now.Sub(start)
		from = account(s, release, what, start, now)
	}
	if phase == served {
		return blocked, from, nil
	}
	mu.Lock()
	line.Remove(t)
	mu.Unlock()
	if phase == rang {
		return blocked, from, errTimedOut
	}
	return blocked, from, CauseOf(ctx)
}

// markNow marks what the strand waits for, if there is one, and returns since
// when, if it or the caller wants to know.
func markNow(ctx context.Context, s *Strand, what Awaited, timed bool) (start time.Time) {
	if s != nil || timed {
		start = time.Now()
	}
	if s != nil {
		s.mark(ctx, what, start)
	}
	return start
}

var errTimedOut = errors.New("park: timed out")

// Sleep parks the caller for d, which is positive, or until ctx is cancelled.
func Sleep(ctx context.Context, d time.Duration, what Awaited) error {
	p := PlaceOf(ctx)
	if err := enterAt(ctx, p); err != nil {
		return err
	}
	p.mustBeHome()
	s, w := strandOf(p)
	start := markNow(ctx, s, what, false)
	watched, governor := watch(ctx, p, s)
	w.publish(governor)
	parking(ctx, s)
	if ctx.Err() == nil || !w.claim(canceled) {
		w.park(watched, d)
	}
	phase, release := finish(s, w)
	woken(ctx)
	if s != nil && s.Track() != nil {
		account(s, release, what, start, time.Now())
	}
	if phase == rang {
		return nil
	}
	return CauseOf(ctx)
}

// account notes a wait that is over on the strand's track, if it is traced.
func account(s *Strand, r otelx.Release, what Awaited, start, now time.Time) (from *otelx.Origin) {
	if s == nil {
		return nil
	}
	t := s.Track()
	if t == nil {
		return nil
	}
	kind, name := labelOf(what)
	return t.Waited(r, kind, name, start, now)
}

// parking is where a wait stands in line and does not wait yet, and woken where
// it is over; no lock is held at either.
func parking(ctx context.Context, s *Strand) {
	if s != nil {
		s.tellParking()
	}
	if fault.Load() != nil {
		_ = atStep(ctx, Parked)
	}
}

func woken(ctx context.Context) {
	if fault.Load() != nil {
		_ = atStep(ctx, Woken)
	}
	Yield()
}

// strandOf picks the waiter to park: the strand's own, or a fresh one (and no
// strand to mark) for a caller that is not the strand of p. What parks is
// always the caller, be it a goroutine or a coroutine.
func strandOf(p *Place) (*Strand, *Waiter) {
	co := Current()
	if p != nil && p.Strand.co == co && p.Strand.take() {
		return p.Strand, &p.Strand.Waiter
	}
	w := &Waiter{co: co}
	w.take()
	return nil, w
}

// watch decides how cancellation of ctx reaches the waiter: by a poke of the
// governing place, or by watching a context.
func watch(ctx context.Context, p *Place, s *Strand) (watched context.Context, governor *Place) {
	switch {
	case ctx == nil:
		return nil, nil
	case s != nil && p.governs(ctx):
		return nil, p
	default:
		return ctx, nil
	}
}

// finish clears the mark, gives the waiter back, and says how the wait ended,
// and what led to that. From then on another goroutine that uses the same ctx
// may wait with it, and be released in turn.
func finish(s *Strand, w *Waiter) (phase uint64, r otelx.Release) {
	if s != nil {
		s.mark(nil, nil, time.Time{})
		r = s.Track().TakeRelease()
	}
	return w.release(), r
}

// MarkOnly shows the caller of ctx in the live tree as waiting for what, until
// the function it returns is called: for a call that blocks by itself.
func MarkOnly(ctx context.Context, what Awaited) (unmark func()) {
	p := PlaceOf(ctx)
	if p == nil || p.Strand.co != Current() || !p.Strand.take() {
		return func() {}
	}
	p.Strand.mark(nil, what, time.Now())
	p.Strand.tellParking()
	return func() { finish(p.Strand, &p.Strand.Waiter) }
}
