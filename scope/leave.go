package scope

import (
	"time"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// leave ends the scope after its body: it takes the body's outcome, joins
// everything, decides who catches what, and returns (or raises) what Run does.
func (s *Scope) leave(out capture.Outcome) error {
	bodyEnded := s.takeBody(out)
	s.joinLocked()
	s.ended = s.ended || bodyEnded
	outer := false
	if s.cause != nil && s.ended {
		s.mu.Unlock()
		outer = s.outerCanceled()
		s.mu.Lock()
		s.caught = s.called && !outer
	}
	err, raised := s.verdictLocked(outer)
	s.mu.Unlock()

	if s.up != nil && err != nil {
		s.place.Strand.Hear(err)
	}
	s.close(err, raised)
	if raised != nil {
		panic(raised)
	}
	return err
}

// takeBody sorts the body's outcome into failure and cancellation.
func (s *Scope) takeBody(out capture.Outcome) (ended bool) {
	switch {
	case out.Panic != nil:
		_, again := out.Panic.Value.(*PanicError)
		s.fail(panicError(out.Panic, ""), true, again)
	case out.Goexit:
		s.fail(ErrGoexit, false, false)
	case out.Err != nil:
		awaitDue(s.place.Ctx, s.timed)
		failure, canceled := split(s.place.Ctx, out.Err)
		if failure != nil {
			s.fail(failure, false, false)
		}
		return canceled
	}
	return false
}

// joinLocked waits until every task, every scope inside and every callback has
// ended: first the tasks that keep it open, then the Background ones. It takes
// mu, and the caller lets go of it.
func (s *Scope) joinLocked() {
	s.mu.Lock()
	s.phase = closing
	if s.bodyEnd != nil {
		s.mu.Unlock()
		s.bodyEnd.Close(s.place.Strand)
		s.mu.Lock()
	}
	if s.front > 0 || s.inner != nil {
		if s.isTop() {
			s.exec.Ending()
		}
		s.awaitLocked(func() bool { return s.front == 0 && s.inner == nil })
	}
	if s.place.Timed {
		now := time.Now()
		s.mu.Unlock()
		awaitDue(s.place.Ctx, s.timed) // a deadline that is reached counts, timer or not (R13)
		s.mu.Lock()
		s.called = s.called || s.reachedLocked(now)
	}
	s.cause, s.settled = s.causeLocked(), true
	s.called = s.called || s.cause != nil && s.cause == s.due
	if s.back > 0 {
		s.mu.Unlock()
		s.stopBackground()
		s.mu.Lock()
	}
	s.unhookLocked()
	s.awaitLocked(func() bool { return s.front == 0 && s.back == 0 && s.hooks == 0 && s.inner == nil })
	s.phase = closed
}

// stopBackground cancels the Background tasks, unless the scope was cancelled
// before, and so they were.
func (s *Scope) stopBackground() {
	done := s.doneCause()
	if s.place.Tracer != nil {
		s.mu.Lock()
		s.effectLocked().done = done
		s.mu.Unlock()
	}
	s.stop(done)
	s.note()
	s.spread(s.place.Strand.Release())
}

// unhookLocked takes back every timer and callback that has not begun.
func (s *Scope) unhookLocked() {
	for _, stop := range s.unhook {
		if stop() {
			s.hooks--
		}
	}
	s.unhook = nil
	s.stopTimerLocked()
	if s.drain != nil {
		s.drain.stopLocked(s)
	}
}

// awaitLocked parks the body until over holds. No cancellation ends this wait:
// it reaches what is waited for instead.
func (s *Scope) awaitLocked(over func() bool) {
	for !over() {
		park.Join(&s.place, &s.mu, &s.exit, &s.ticket, (*joining)(s))
		s.mu.Lock()
	}
}

// wakeBodyLocked wakes the body if nothing it could be waiting for is left; by
// is the strand that was the last, or nil.
func (s *Scope) wakeBodyLocked(by *park.Strand) {
	if s.front == 0 && s.inner == nil {
		s.exit.Serve().WakeBy(by)
	}
}

// verdictLocked decides what Run returns or raises (R17).
func (s *Scope) verdictLocked(outer bool) (err error, raised *PanicError) {
	var caught *CanceledError
	if s.caught {
		caught = s.cause
	}
	if list := s.failed.list; len(list) > 0 {
		if s.failed.panic != nil && !s.asErrors {
			return nil, raise(s.failed.panic, &Error{Scope: s.path(), Failures: list, Cause: caught})
		}
		return &Error{Scope: s.path(), Failures: list, Cause: caught}, nil
	}
	switch {
	case caught != nil && (s.raise || caught.Kind == KindDeadline && !s.moveOn):
		return caught, nil
	case caught != nil || !s.ended:
		return nil, nil
	case outer:
		return s.outsideCause(), nil
	}
	return nil, nil
}

// outsideCause is the cancellation of what is around the scope, as the scope
// passes it on.
func (s *Scope) outsideCause() *CanceledError {
	if s.cause.Kind == KindContext {
		return s.cause
	}
	e := CauseOf(s.outer)
	if e.Kind == KindContext && e.Scope == "" { // fresh: no other scope was cancelled with it
		e.Scope = s.path()
	}
	return e
}

// raise returns the panic to raise again, with all other failures beside it.
func raise(p *PanicError, all *Error) *PanicError {
	var beside []Failure
	for _, f := range all.Failures {
		if !sameError(f.Err, p) {
			beside = append(beside, f)
		}
	}
	if len(beside) == 0 {
		return p
	}
	again := *p
	again.beside = &Error{Scope: all.Scope, Failures: beside, Cause: all.Cause}
	if p.beside != nil {
		again.beside.Failures = append(again.beside.Failures, p.beside.Failures...)
	}
	return &again
}

// close takes the scope out of the tree and ends its context and span.
func (s *Scope) close(err error, raised *PanicError) {
	s.stop(s.doneCause())
	if s.free != nil {
		s.free()
	}
	if s.place.Span != nil {
		s.tell(err, raised)
	}
	if s.isTop() {
		s.exec.Close()
	}
	s.unlabel()
	if s.up != nil {
		detach(s.up, s)
		return
	}
	roots.remove(s)
}

// tell ends the scope's span.
func (s *Scope) tell(err error, raised *PanicError) {
	o := s.outcome(err, raised)
	if s.place.Span.Recording() {
		if s.drain != nil {
			s.tellDrain()
		}
		s.tellCancel()
		o.Track, o.Scope, o.Opened = s.place.Strand.Track(), s.nameNow(), s.opened
	}
	s.place.Span.End(o)
}

// tellCancel tells what a cancellation that began in the scope has reached; one
// that came from further out is added up there.
func (s *Scope) tellCancel() {
	if s.cause == nil && s.effect == nil { // both are final by now
		return
	}
	s.mu.Lock()
	c, did := s.cause, *s.effectLocked()
	if c == nil && did.done != nil {
		c, did.mine = did.done, did.done
	}
	began := c != nil && (c == did.mine || c == s.due || c.Kind == KindContext && c.Span.Equal(s.place.Span.Context()))
	s.mu.Unlock()
	if began {
		s.place.Span.Canceled(explain(c), did.reached, did.last)
		return
	}
	if c == nil || did.reached == 0 || s.up == nil {
		return
	}
	o := scopeOf(s.up)
	o.mu.Lock()
	if o.place.Tracer != nil && o.causeLocked() == c {
		o.effectLocked().add(did.reached, did.last)
	}
	o.mu.Unlock()
}

// add counts tasks that have ended.
func (e *effect) add(reached int, last time.Time) {
	e.reached += reached
	if last.After(e.last) {
		e.last = last
	}
}

// outcome is what the scope's span says of its end.
func (s *Scope) outcome(err error, raised *PanicError) otelx.Outcome {
	o := otelx.Outcome{Result: otelx.Success, Cause: explain(s.cause)}
	switch {
	case raised != nil:
		o.Result, o.Err = otelx.Panic, raised
	case err != nil && len(s.failed.list) > 0:
		o.Result, o.Err = otelx.Failure, err
		if err := s.failed.list[0].Err; err == ErrGoexit { //nolint:errorlint // our own sentinel
			o.Result = otelx.Goexit
		}
	case o.Cause != nil && o.Cause.Deadline && s.ended:
		o.Result, o.Err = otelx.Timeout, err
	case o.Cause != nil && s.ended:
		o.Result, o.Err = otelx.Cancellation, err
	default:
		o.Cause = nil
	}
	return o
}

func init() {
	capture.StackOf = func(value any) []byte {
		if p, ok := value.(*PanicError); ok && p != nil {
			return p.Stack
		}
		return nil
	}
}

// panicError makes a PanicError of a panic, or passes on the one that an inner
// Run has raised again: the stack of the first site is the one that tells.
func panicError(p *capture.Panic, task string) *PanicError {
	if again, ok := p.Value.(*PanicError); ok {
		return again
	}
	return &PanicError{Value: p.Value, Stack: p.Stack, Task: task}
}

// joining is a scope as the body waits for it.
type joining Scope

// Awaited names the tasks that keep the scope open: the Background ones only
// when nothing else does, for until then it is not they who are waited for.
func (j *joining) Awaited(look park.Look) park.Mark {
	s := (*Scope)(j)
	m := park.Mark{Kind: "scope.join", Name: s.path()}
	s.holders(&m, look, func(c *Child) bool {
		return !c.kind.background || s.front == 0 && s.inner == nil
	})
	return m
}
