package scope

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

func init() {
	park.CauseOf = func(ctx context.Context) error { return CauseOf(ctx) }
	park.AwaitDue = func(ctx context.Context, p *park.Place) { awaitDue(ctx, scopeOf(p).timed) }
	park.Describe = func(p *park.Place) (scope, task string) {
		if t := taskOf(p); t != nil {
			task = t.Name()
		}
		return scopeOf(p).path(), task
	}
	park.Explain = func(err error) *otelx.Cause {
		var e *CanceledError
		if !errors.As(err, &e) {
			return nil
		}
		return explain(e)
	}
}

// Cancel cancels everything inside the scope, nested scopes and tasks
// included, except what is behind a shield. The first cause wins; further
// calls change nothing. A scope that was not run yet is cancelled at its first
// wait; on one that has ended only CancelCalled changes. A nil cause becomes a
// reason that says who called. Cancel does not wait.
func (s *Scope) Cancel(cause error, opts ...CancelOption) {
	e, raise, by := explicit(cause, opts)
	s.mu.Lock()
	e.Scope = s.nameNow()
	begun := s.phase != made
	if begun {
		e.Scope = s.path()
		if !e.Span.IsValid() {
			e.Span = s.place.Span.Context()
		}
	}
	s.mu.Unlock()
	if begun {
		awaitDue(s.place.Ctx, s.timed) // a deadline that is reached was first (R12, R13)
	}
	s.cancel(e, raise, by)
}

// explicit makes the cause of a call of Cancel; it must be called by the
// exported function itself, to name its caller. by is the strand it was called
// on behalf of, or nil.
func explicit(cause error, opts []CancelOption) (e *CanceledError, raise bool, by *park.Strand) {
	e = &CanceledError{Kind: KindExplicit, Reason: cause, At: time.Now()}
	for _, o := range opts {
		switch o := o.(type) {
		case raiseOption:
			raise = true
		case byOption:
			if o.ctx == nil {
				continue
			}
			e.Span = trace.SpanContextFromContext(o.ctx)
			if p := park.PlaceOf(o.ctx); p != nil {
				by = p.Strand
				if t := taskOf(p); t != nil {
					e.Task = t.path()
				}
			}
		}
	}
	if cause == nil {
		e.Reason = errors.New("called by " + caller())
	}
	return e, raise, by
}

// caller names the function outside this package that called in.
func caller() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	here := nameOfPackage()
	for {
		f, more := frames.Next()
		if !more || len(f.Function) <= len(here) || f.Function[:len(here)] != here {
			return fmt.Sprintf("%s (line %d)", f.Function, f.Line)
		}
	}
}

func nameOfPackage() string { return "github.com/corral-go/corral/scope." }

// cancel cancels the scope itself, for cause e; by is the strand that does it,
// or nil.
func (s *Scope) cancel(e *CanceledError, raise bool, by *park.Strand) {
	s.mu.Lock()
	s.called = true
	if s.phase == made {
		if s.before == nil {
			s.before, s.raise = e, raise
		}
		s.mu.Unlock()
		return
	}
	first := !s.settled && s.std.Err() == nil
	if first {
		s.raise = raise
		if s.place.Tracer != nil {
			e.why = by.Release()
			s.effectLocked().mine = e
		}
	}
	s.mu.Unlock()
	if first {
		s.stop(e) // the standard library decides who is first
		s.note()
		s.spread(e.why)
	}
}

// spreadHook is spread for a timer or context that has fired: it may come
// before whoever has cancelled the scope, or one around it, has got so far.
func (s *Scope) spreadHook() {
	if s.told.Load() {
		return
	}
	s.spread(whyOf(s.std))
}

// whyOf returns what led to the cancellation of ctx, as far as is known.
func whyOf(ctx context.Context) otelx.Release {
	if e, ok := context.Cause(ctx).(*CanceledError); ok { //nolint:errorlint // as in causeOfStd
		return e.why
	}
	return otelx.Release{}
}

// spread wakes whatever waits inside the scope, after its ctx was cancelled;
// why is what led to that. It walks with a list of its own rather than by
// recursion, takes one lock at a time, and wakes outside the locks.
//
// A callback of the standard library may bring us here before the cancellation
// has reached every context below. Whoever waits under one of those could not be
// told from somebody behind a shield, so spread lets it come first
// (TestSpreadWaitsForContexts).
//
// Many may do that in one tree, in the same moment or one after the other: what
// one has been through to its end the others leave out, so that they come to a
// linear time, all together (R26).
func (s *Scope) spread(why otelx.Release) {
	var told []*Scope
	var strands []*park.Strand
	var late []<-chan struct{}
	for work := []*Scope{s}; len(work) > 0; {
		x := work[len(work)-1]
		work = work[:len(work)-1]
		if !x.lockReached() {
			continue
		}
		told = append(told, x)
		strands = append(strands[:0], x.place.Strand)
		work = visible(x.inner, work)
		refused := x.takeTurnsLocked()
		at := round{next: x.tasks, beside: x.rounds}
		x.rounds = &at
		for more := true; more; {
			late = late[:0]
			n := 0
			for ; at.next != nil && n < stretch; n++ {
				c := at.next
				at.next = c.next
				strands = append(strands, &c.strand)
				if own := c.own.Load(); own != nil && own.Err() == nil && x.std.Err() != nil {
					late = append(late, own.Context.Done())
				}
				work = c.innerScopes(work)
			}
			more = at.next != nil
			if !more {
				x.endRoundLocked(&at)
			}
			x.mu.Unlock()
			for _, done := range late {
				<-done
			}
			for _, strand := range strands {
				strand.Poke(why)
			}
			strands = strands[:0]
			if more {
				x.mu.Lock()
			}
		}
		x.refuse(refused)
	}
	for _, x := range told {
		x.told.Store(true)
	}
}

// stretch is how many tasks spread looks at under one lock: whom it has woken
// needs that lock to end.
const stretch = 64

// A round is where spread has come to in a scope's tasks, while it has let go of
// the lock.
type round struct {
	next   *Child
	beside *round // of another spread, at the same time
}

// passLocked moves the rounds on that have come to c, which ends.
func (s *Scope) passLocked(c *Child) {
	for w := s.rounds; w != nil; w = w.beside {
		if w.next == c {
			w.next = c.next
		}
	}
}

func (s *Scope) endRoundLocked(at *round) {
	for w := &s.rounds; ; w = &(*w).beside {
		if *w == at {
			*w = at.beside
			return
		}
	}
}

// lockReached takes the scope's lock once the cancellation of what is around it
// has reached it. It reports false, and does not, where nobody is to be told: all
// inside were; or the scope is only being entered; or it was opened with a ctx
// that the cancellation has not come through, and may never, and then it has a
// hook of its own.
func (s *Scope) lockReached() bool {
	if s.told.Load() {
		return false
	}
	s.mu.Lock()
	switch {
	case s.phase == made:
		s.mu.Unlock()
		return false
	case s.std.Err() != nil:
		return true
	}
	s.mu.Unlock()
	if !s.follows {
		return false
	}
	<-s.std.Done()
	s.mu.Lock()
	return true
}

// visible appends the scopes of a list that outside cancellation reaches.
func visible(list *Scope, to []*Scope) []*Scope {
	for ; list != nil; list = list.next {
		if !list.hidden.Load() {
			to = append(to, list)
		}
	}
	return to
}

// CancelCalled reports whether the scope itself was cancelled: by Cancel, a
// failure, a shutdown, the end of a Main task, or its own deadline; not merely
// through an outer one.
func (s *Scope) CancelCalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.called || s.phase == made || s.settled {
		return s.called
	}
	return s.due != nil && sameError(context.Cause(s.std), s.due) || s.reachedLocked(time.Now())
}

// reachedLocked reports whether a deadline of the scope's own is reached: also
// when one around it was reached in the same instant, or something else
// cancelled it before, as after a late Cancel.
func (s *Scope) reachedLocked(now time.Time) bool {
	return reached(s.deadline, now) || s.movable && reached(s.movableAt, now)
}

// CancelCaught reports, after Run, whether the scope caught a cancellation of
// its own: its body, or a task that had begun, was ended by it.
func (s *Scope) CancelCaught() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.caught
}

// Cause returns why the scope was cancelled while it ran, by itself or from
// outside: a *[CanceledError]; nil if it was not, and before Run.
func (s *Scope) Cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.causeLocked(); e != nil {
		return e
	}
	return nil
}

func (s *Scope) causeLocked() *CanceledError {
	switch {
	case s.settled:
		return s.cause
	case s.phase == made || s.std.Err() == nil:
		return nil
	}
	return s.causeOfStd()
}

// causeOfStd returns the cause of the scope's cancelled context.
func (s *Scope) causeOfStd() *CanceledError {
	cause := context.Cause(s.std)
	if e, ok := cause.(*CanceledError); ok { //nolint:errorlint // a wrapped one is somebody else's
		return e
	}
	return s.foreignCause(cause)
}

// note keeps why the scope was cancelled, for who looks at the tree from
// elsewhere. The context does not tell everybody: a cancelled one answers by
// receiving from its channel, and to do that from outside the synctest bubble
// in which the channel was made ends the process (TestLookAtForeignBubble). A
// scope that follows what is around it needs no note of its own.
func (s *Scope) note() { s.noted.Store(s.causeOfStd()) }

// foreignCause returns the one *CanceledError that stands for the cancellation
// of a plain context around s: that of the outermost scope it has reached.
func (s *Scope) foreignCause(cause error) *CanceledError {
	for {
		if e := s.foreign.Load(); e != nil {
			return e
		}
		if s.up != nil && !s.hidden.Load() && s.up.Ctx.Err() != nil && sameError(context.Cause(s.up.Ctx), cause) {
			if e := causeAt(s.up); e != nil {
				s.foreign.CompareAndSwap(nil, e)
				continue
			}
		}
		ctxErr := s.outer.Err()
		if ctxErr == nil {
			ctxErr = s.std.Err()
		}
		s.foreign.CompareAndSwap(nil, &CanceledError{
			Kind: KindContext, Scope: s.path(), Reason: cause, At: time.Now(), Span: s.place.Span.Context(), ctxErr: ctxErr,
		})
	}
}

// causeAt returns the cause of a cancelled place.
func causeAt(p *park.Place) *CanceledError {
	if e, ok := context.Cause(p.Ctx).(*CanceledError); ok { //nolint:errorlint // as in causeOfStd
		return e
	}
	if s := scopeOf(p); s.std.Err() != nil {
		return s.causeOfStd()
	}
	return nil
}

// CauseOf returns the cancellation of ctx, or nil if it is not cancelled. For a
// context that is not ours, or was derived with a cancel of its own, it is of
// kind context. context.Cause(ctx) returns the same value, except for that
// kind, where it returns the foreign cause.
func CauseOf(ctx context.Context) *CanceledError {
	if ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if e, ok := cause.(*CanceledError); ok { //nolint:errorlint // as in causeOfStd
		return e
	}
	p := park.PlaceOf(ctx)
	if p != nil && p.Ctx.Err() != nil && sameError(context.Cause(p.Ctx), cause) {
		if e := causeAt(p); e != nil {
			return e
		}
	}
	return &CanceledError{
		Kind: KindContext, Reason: cause, At: time.Now(), Span: trace.SpanContextFromContext(ctx), ctxErr: ctx.Err(),
	}
}

// doneCause is the cause that everything sees that outlives the scope.
func (s *Scope) doneCause() *CanceledError {
	return &CanceledError{Kind: KindScopeDone, Scope: s.path(), Reason: errDone, At: s.now(), Span: s.place.Span.Context()}
}

// now is the time, for what is neither traced nor measured: with one look at a
// clock, where time.Now has two.
func (s *Scope) now() time.Time {
	if s.place.Tracer != nil || s.place.Meter != nil {
		return time.Now()
	}
	return s.opened.Add(time.Since(s.opened))
}

var errDone = errors.New("the scope has ended")

// fail records a failure of the body and cancels the scope for it. A panic that
// comes again has been told of by an inner scope.
func (s *Scope) fail(err error, panicked, again bool) {
	if cause := s.record(nil, err, panicked); cause != nil {
		s.reportBody(err, panicked, again)
		s.cancel(cause, false, s.place.Strand)
	}
}

// record lists a failure of the task c, or of the body if c is nil, and returns
// the cause to cancel the scope with: nil if the error was listed before, and
// so somebody else does.
func (s *Scope) record(c *Child, err error, panicked bool) *CanceledError {
	e := &CanceledError{Kind: KindBodyFailed, Scope: s.path(), Reason: err, At: time.Now(), Span: s.place.Span.Context()}
	if c != nil {
		e.Kind, e.Task, e.Span = KindTaskFailed, c.path(), c.place.Span.Context()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.failed.add(Failure{Task: e.Task, Err: err, Span: e.Span}) {
		return nil
	}
	if p, ok := err.(*PanicError); ok && panicked && s.failed.panic == nil { //nolint:errorlint // panicked says it is one
		s.failed.panic = p
	}
	return e
}

// explain is what spans say of a cancellation.
func explain(e *CanceledError) *otelx.Cause {
	if e == nil {
		return nil
	}
	c := &otelx.Cause{
		Kind: e.Kind.String(), Scope: e.Scope, Task: e.Task, Origin: e.Span,
		Deadline: e.Kind == KindDeadline, At: e.At,
	}
	if e.Reason != nil {
		c.Reason = otelx.Text(e.Reason)
		if _, ok := e.Reason.(*PanicError); ok { //nolint:errorlint // its own text goes on with the stack
			c.Reason, _, _ = strings.Cut(c.Reason, "\n")
		}
	}
	return c
}
