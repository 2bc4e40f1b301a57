package scope

import (
	"context"
	"time"
)

// awaitGrace bounds how long an exit waits for a timer that is due: standard
// contexts fire at once, only a context that lies about its deadline does not.
const awaitGrace = 10 * time.Millisecond

// SetDeadline moves the deadline of a scope opened with [MovableDeadline]; the
// zero Time takes it away, one in the past cancels at once. Before Run it
// shapes the scope to be. It returns [ErrNotMovable] on any other scope and
// [ErrClosed] after the end. A scope that is cancelled already stays so.
func (s *Scope) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase == closed:
		return ErrClosed
	case !s.movable:
		return ErrNotMovable
	}
	sooner := !t.IsZero() && (s.movableAt.IsZero() || t.Before(s.movableAt))
	s.movableAt = t
	if sooner {
		s.nearerLocked()
	}
	if s.phase != made {
		s.armLocked()
	}
	return nil
}

// Deadline returns the scope's own deadline, the earlier one of a fixed and a
// movable one. A Timeout counts from when the scope is entered; before that it
// is not reported.
func (s *Scope) Deadline() (t time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t = s.deadlineLocked()
	return t, !t.IsZero()
}

func (s *Scope) deadlineLocked() time.Time {
	if s.movable {
		return earliest(s.deadline, s.movableAt)
	}
	return s.deadline
}

// armLocked sets the timer of the movable deadline.
func (s *Scope) armLocked() {
	s.stopTimerLocked()
	if s.movableAt.IsZero() || s.settled {
		return
	}
	s.hooks++
	s.timer = time.AfterFunc(time.Until(s.movableAt), func() {
		defer s.hookDone()
		s.fireDue(time.Now())
	})
}

func (s *Scope) stopTimerLocked() {
	if s.timer != nil && s.timer.Stop() {
		s.hooks--
	}
	s.timer = nil
}

// fireDue cancels the scope if its movable deadline is reached. When it returns
// that has reached every context inside, also if somebody else was first: asking
// for the cause waits for who is about it.
func (s *Scope) fireDue(now time.Time) {
	s.mu.Lock()
	at := s.movableAt
	due := s.movable && s.phase != made && !s.settled && !s.passed && reached(at, now)
	s.mu.Unlock()
	if !due {
		return
	}
	if s.std.Err() == nil {
		s.cancel(s.deadlineCause(at), false, nil)
	}
	_ = context.Cause(s.std)
	s.mu.Lock()
	s.passed = true
	s.mu.Unlock()
}

func reached(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (s *Scope) deadlineCause(t time.Time) *CanceledError {
	return &CanceledError{Kind: KindDeadline, Scope: s.path(), Reason: context.DeadlineExceeded, At: t, Span: s.place.Span.Context()}
}

// awaitDue makes sure that every deadline of ctx that is reached has taken
// effect: a deadline counts from its instant, not from when its timer runs
// (R13). timed is the nearest scope of ctx with a movable deadline.
func awaitDue(ctx context.Context, timed *Scope) {
	if ctx.Err() != nil {
		return
	}
	if timed != nil {
		timed.fireAround(time.Now())
	}
	if t, ok := ctx.Deadline(); ok && reached(t, time.Now()) && ctx.Err() == nil {
		grace := time.NewTimer(awaitGrace)
		defer grace.Stop()
		select {
		case <-ctx.Done():
		case <-grace.C:
		}
	}
}

// outerCanceled reports whether a cancelled ancestor is visible to the scope.
func (s *Scope) outerCanceled() bool {
	if s.hidden.Load() {
		return false
	}
	awaitDue(s.outer, s.timedUp)
	return s.outer.Err() != nil
}

// EffectiveDeadline returns the earliest deadline that applies to ctx, movable
// ones included, up to the nearest shield; ok is false if there is none.
func EffectiveDeadline(ctx context.Context) (t time.Time, ok bool) {
	t, _ = ctx.Deadline()
	s := From(ctx)
	if s == nil {
		return t, !t.IsZero()
	}
	for x := s.timed; x != nil; x = x.timedUp {
		x.mu.Lock()
		if x.movable {
			t = earliest(t, x.movableAt)
		}
		x.mu.Unlock()
		if x.hidden.Load() {
			break
		}
		if at, ok := x.outer.Deadline(); ok { // not in ctx, if x was shielded once
			t = earliest(t, at)
		}
	}
	return t, !t.IsZero()
}

// MoveOnAfter is [Run] with Timeout(d) and MoveOn: when the time is up the work
// is cancelled and the caller goes on. timedOut reports that the scope caught
// its own deadline, also beside an error. It is Trio's move_on_after.
func MoveOnAfter(ctx context.Context, d time.Duration, body func(ctx context.Context) error, opts ...Option) (timedOut bool, err error) {
	return moveOn(ctx, body, opts, Timeout(d))
}

// MoveOnAt is [MoveOnAfter] with a point in time. It is Trio's move_on_at.
func MoveOnAt(ctx context.Context, t time.Time, body func(ctx context.Context) error, opts ...Option) (timedOut bool, err error) {
	return moveOn(ctx, body, opts, Deadline(t))
}

func moveOn(ctx context.Context, body func(ctx context.Context) error, opts []Option, limit Option) (bool, error) {
	s := New(opts...)
	s.apply([]Option{limit, MoveOn()})
	err := s.Run(ctx, body)
	return s.caught && s.cause.Kind == KindDeadline, err
}

// FailAfter is [Run] with Timeout(d): when the time is up it returns the
// *CanceledError of kind deadline. It is Trio's fail_after.
func FailAfter(ctx context.Context, d time.Duration, body func(ctx context.Context) error, opts ...Option) error {
	return failAt(ctx, body, opts, Timeout(d))
}

// FailAt is [FailAfter] with a point in time. It is Trio's fail_at.
func FailAt(ctx context.Context, t time.Time, body func(ctx context.Context) error, opts ...Option) error {
	return failAt(ctx, body, opts, Deadline(t))
}

func failAt(ctx context.Context, body func(ctx context.Context) error, opts []Option, limit Option) error {
	s := New(opts...)
	s.apply([]Option{limit})
	return s.Run(ctx, body)
}

// Shielded is [Run] with Shield and Timeout(d): for clean-up that has to wait
// for something although ctx is cancelled, but not for ever.
func Shielded(ctx context.Context, d time.Duration, body func(ctx context.Context) error) error {
	return Run(ctx, body, Shield(), Timeout(d))
}

// Shielded reports whether the scope hides what is around it.
func (s *Scope) Shielded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shield
}

// Unshield takes the shield away for good. If what is around the scope is
// cancelled, that is delivered at once and wakes who sleeps inside. Before Run
// it shapes the scope to be. It returns [ErrNotMovable] on a scope that was
// made without [Shield] and [ErrClosed] after the end; a second call does
// nothing.
func (s *Scope) Unshield() error {
	s.mu.Lock()
	switch {
	case s.phase == closed:
		s.mu.Unlock()
		return ErrClosed
	case !s.shield && !s.unshielded:
		s.mu.Unlock()
		return ErrNotMovable
	}
	again := s.unshielded
	s.shield, s.unshielded = false, true
	running := s.phase != made
	s.mu.Unlock()
	if running && !again {
		s.reach()
	}
	return nil
}

// reach lets outside cancellation in, after the shield was taken away.
func (s *Scope) reach() {
	s.hidden.Store(false)
	deliver := func() {
		if s.letIn() {
			s.note()
			s.spreadHook()
		}
	}
	s.mu.Lock()
	s.nearerLocked()
	if !s.settled && s.outer.Done() != nil {
		s.hookContextLocked(s.outer, deliver)
	}
	s.mu.Unlock()
	awaitDue(s.outer, s.timedUp)
	deliver()
}

// letIn cancels a scope whose shield was taken away with what is around it, and
// reports whether that is cancelled.
func (s *Scope) letIn() bool {
	if !s.apart || s.hidden.Load() || s.outer.Err() == nil {
		return false
	}
	s.stop(context.Cause(s.outer))
	return true
}
