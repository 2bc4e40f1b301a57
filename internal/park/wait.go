package park

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

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

// Check is the first thing every blocking call does: it returns the
// cancellation of ctx, or nil (R1, R2).
func Check(ctx context.Context) error {
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
	_, _, err := wait(ctx, PlaceOf(ctx), mu, line, t, what, 0)
	return err
}

// Join is [Wait] that no cancellation ends: for the end of a scope, which is
// to see everything inside it end. p is the place of the caller.
func Join(p *Place, mu sync.Locker, line *Line, t *Ticket, what Awaited) {
	_, _, _ = wait(nil, p, mu, line, t, what, 0)
}

// wait also returns how long it was parked, and the span of who ended that, if
// that is known. A positive d ends it after that time with errTimedOut.
func wait(ctx context.Context, p *Place, mu sync.Locker, line *Line, t *Ticket, what Awaited, d time.Duration) (
	blocked time.Duration, from *trace.SpanContext, err error,
) {
	s, w := strandOf(p)
	start := time.Now()
	if s != nil {
		s.mark(ctx, what, start)
	}
	done, governor := watch(ctx, p, s)
	var alarm <-chan time.Time
	if d > 0 {
		alarm = w.setAlarm(d)
	}
	line.push(t, w)
	w.publish(governor)
	mu.Unlock()

	rang := false
	if ctx == nil || ctx.Err() == nil || !w.claim(canceled) {
		rang = w.park(done, alarm)
	}
	if d > 0 {
		w.alarm.Stop()
	}
	served := finish(s, w)
	Yield()
	now := time.Now()
	blocked = now.Sub(start)
	from = account(s, what, start, now)
	if served && !rang {
		return blocked, from, nil
	}
	mu.Lock()
	line.Remove(t)
	mu.Unlock()
	if rang {
		return blocked, from, errTimedOut
	}
	return blocked, from, CauseOf(ctx)
}

var errTimedOut = errors.New("park: timed out")

// Sleep parks the caller for d, or until ctx is cancelled.
func Sleep(ctx context.Context, d time.Duration, what Awaited) error {
	if err := Check(ctx); err != nil {
		return err
	}
	p := PlaceOf(ctx)
	s, w := strandOf(p)
	start := time.Now()
	if s != nil {
		s.mark(ctx, what, start)
	}
	alarm := w.setAlarm(d)
	done, governor := watch(ctx, p, s)
	w.publish(governor)
	if ctx.Err() == nil || !w.claim(canceled) {
		w.park(done, alarm)
	}
	w.alarm.Stop()
	served := finish(s, w)
	Yield()
	if s != nil && s.Track() != nil {
		account(s, what, start, time.Now())
	}
	if served {
		return nil
	}
	return CauseOf(ctx)
}

// account notes a wait that is over on the strand's track, if it is traced.
func account(s *Strand, what Awaited, start, now time.Time) (from *trace.SpanContext) {
	if s == nil {
		return nil
	}
	t := s.Track()
	if t == nil {
		return nil
	}
	kind, name := labelOf(what)
	return t.Waited(kind, name, start, now)
}

// strandOf picks the waiter to park: the strand's own, or a fresh one (and no
// strand to mark) for a goroutine that is none of ours.
func strandOf(p *Place) (*Strand, *Waiter) {
	if p != nil && p.Strand.take() {
		return p.Strand, &p.Strand.Waiter
	}
	w := new(Waiter)
	w.take()
	return nil, w
}

// watch decides how cancellation of ctx reaches the waiter: by a poke of the
// governing place, or by a select on done.
func watch(ctx context.Context, p *Place, s *Strand) (done <-chan struct{}, governor *Place) {
	switch {
	case ctx == nil:
		return nil, nil
	case s != nil && p.governs(ctx):
		return nil, p
	default:
		return ctx.Done(), nil
	}
}

// finish clears the mark and gives the waiter back.
func finish(s *Strand, w *Waiter) (ok bool) {
	if s != nil {
		s.mark(nil, nil, time.Time{})
	}
	return w.release()
}

// MarkOnly shows the caller of ctx in the live tree as waiting for what, until
// the function it returns is called: for a call that blocks by itself.
func MarkOnly(ctx context.Context, what Awaited) (unmark func()) {
	p := PlaceOf(ctx)
	if p == nil || !p.Strand.take() {
		return func() {}
	}
	p.Strand.mark(nil, what, time.Now())
	return func() { finish(p.Strand, &p.Strand.Waiter) }
}
