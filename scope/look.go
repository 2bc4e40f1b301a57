package scope

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// look is one walk through the live tree, for a snapshot, a dump, or whoever
// comes through [seam.Walk]. It copies under one lock at a time, calls out
// under none, and holds none for longer than chunk tasks take.
type look struct {
	seam.Tour[Snapshot, TaskSnapshot]
	lock park.Look
	home bool // the caller is where the scopes are, so that their contexts may be asked

	// What the callbacks get, so that it is made once.
	snap Snapshot
	task TaskSnapshot
	at   seam.Sight
	buf  [chunk]*Child
}

// chunk is how many tasks of a scope are gone through under one hold of its
// lock (BenchmarkLookHold).
const chunk = 64

func newLook(t seam.Tour[Snapshot, TaskSnapshot]) *look {
	l := &look{Tour: t, lock: park.Patient}
	if t.Try {
		l.lock = (&patience{began: time.Now()}).lock
	}
	return l
}

// walk is [seam.Walk].
func walk(t seam.Tour[Snapshot, TaskSnapshot]) { newLook(t).roots() }

// patience takes locks, and has only so much of itself for those that are held:
// it looks again, first at once and then after letting others run, which on a
// busy machine takes long. A lock that it has given up it tries once more for
// each who asks: thousands may wait for what stands behind it.
type patience struct {
	began time.Time
	spent int // how often others were let run
	held  park.TryLocker
}

func (p *patience) lock(mu park.TryLocker) bool {
	if mu == p.held {
		return mu.TryLock()
	}
	if p.wait(mu) {
		return true
	}
	p.held = mu
	return false
}

func (p *patience) wait(mu park.TryLocker) bool {
	for range 1000 {
		if mu.TryLock() {
			return true
		}
	}
	for range 10 {
		if p.spent >= 100 || time.Since(p.began) > 200*time.Millisecond {
			return false
		}
		p.spent++
		runtime.Gosched()
		if mu.TryLock() {
			return true
		}
	}
	return false
}

func (l *look) roots() {
	list, ok := roots.all(l.lock)
	if !ok {
		l.Locked()
	}
	for _, s := range list {
		l.scope(s, nil)
	}
}

// scope visits a scope that has been entered, or is just being. around is why
// what it is in was cancelled, or nil.
func (l *look) scope(s *Scope, around *CanceledError) {
	l.snap = Snapshot{ID: s.id, Name: s.nameNow(), State: "locked"}
	l.at = seam.Sight{Owner: s, Look: l.lock}
	if !l.lock(&s.mu) {
		if l.Scope(&l.snap, &l.at) {
			l.Locked()
			l.ScopeEnd()
		}
		return
	}
	l.snap.State, l.snap.Opened, l.snap.Deadline, l.snap.Shielded = s.phase.String(), s.opened, s.deadlineLocked(), s.shield
	span, cause := s.place.Span, s.cause
	entered, settled := s.phase != made, s.settled // one that is being entered has no context yet
	asks := l.home || !inBubble(s.opened)
	if !s.follows {
		around = nil
	}
	n, next := l.firstLocked(s)
	size := s.front + s.back
	inner := listOf(s.inner)
	ended := 0
	if s.effect != nil {
		ended = s.effect.reached
	}
	var lost unread
	if s.unread != nil {
		lost = *s.unread
	}
	s.mu.Unlock()

	l.at.Unread, l.at.Ended = lost.tell(l.lock), ended
	over := around // why its tasks are cancelled
	switch {
	case !entered:
	case !asks:
		if e := s.noted.Load(); e != nil {
			over = e
		}
	case s.std.Err() != nil:
		over = s.causeOfStd()
	default:
		over = nil
	}
	if entered && !settled {
		cause = over
	}
	l.snap.Cause, l.snap.Span = cause, span.Context()
	if s.up == nil {
		what, since, _ := s.strand.Waiting()
		l.waits(&s.strand, what, since)
	}
	list := l.buf[:n]
	if next != nil {
		list = append(make([]*Child, 0, size+chunk), list...)
	} else {
		list = slices.Clone(list) // buf is for the scopes inside, too
	}
	if !l.Scope(&l.snap, &l.at) {
		return
	}
	whole := next == nil
	if !whole {
		list, whole = l.rest(s, list)
	}
	for _, c := range slices.Backward(list) {
		l.child(c, over, asks)
	}
	if !whole {
		l.Locked()
	}
	for _, s := range inner {
		l.scope(s, over)
	}
	l.ScopeEnd()
}

// firstLocked fills buf with the newest tasks of s, and returns the one after.
func (l *look) firstLocked(s *Scope) (n int, next *Child) {
	for next = s.tasks; next != nil && n < chunk; next = next.next {
		l.buf[n] = next
		n++
	}
	return n, next
}

// rest appends the tasks that come after those in list, newest first. Between
// two chunks tasks come and go: it goes on behind the last one that is still
// there. Those that have come meanwhile stand before all others and are left
// out, unless none of the others is left.
func (l *look) rest(s *Scope, list []*Child) (all []*Child, whole bool) {
	most := cap(list) + 16*chunk // more than that have come since, and only because all others went
	at := len(list) - 1          // the last one that may still be there; -1: none
	mixed := false               // there are newer ones behind older ones
	for {
		list = slices.Grow(list, chunk)
		if !l.lock(&s.mu) {
			return list, false
		}
		steps := 0
		for ; at >= 0 && steps < chunk && list[at].prev == nil && s.tasks != list[at]; at-- {
			steps++
		}
		if at >= 0 && steps == chunk {
			s.mu.Unlock()
			continue
		}
		next := s.tasks
		if at >= 0 {
			next = list[at].next
		} else {
			mixed = true
		}
		for n := 0; next != nil && n < chunk; next = next.next {
			list = append(list, next)
			n++
		}
		s.mu.Unlock()
		if next == nil || len(list) > most {
			if mixed {
				slices.SortFunc(list, func(a, b *Child) int { return cmp.Compare(b.id, a.id) })
			}
			return list, true
		}
		at = len(list) - 1
	}
}

// inBubble reports whether t was read in a synctest bubble: there it has no
// monotonic part.
func inBubble(t time.Time) bool { return t == t.Round(0) } //nolint:staticcheck // the parts are the question, not the instant

// child visits a task. over is why its scope was cancelled, or nil; asks says
// that its context may be asked.
func (l *look) child(c *Child, over *CanceledError, asks bool) {
	// What it waits for is read first, and the state after it: who waits has
	// begun, and who is done waits no more (TestSnapshotFitsTogether).
	l.at = seam.Sight{Owner: c, Look: l.lock}
	what, since, _ := c.strand.Waiting()
	cause := c.causeNow(over, asks)
	l.task = TaskSnapshot{ID: c.id, Name: c.Name(), State: State(c.state.Load()), Started: c.begunAt()}
	if l.task.State == Running && cause != nil {
		l.task.State, l.at.Cause = Canceling, cause
	}
	if l.task.State < Succeeded {
		l.waits(&c.strand, what, since)
	}
	var inner []*Scope
	free := l.lock(&c.mu)
	if free {
		span := c.place.Span
		inner = listOf(c.inner)
		c.mu.Unlock()
		l.task.Span = span.Context()
	}
	if !l.Task(&l.task, &l.at) {
		return
	}
	if !free {
		l.Locked()
	}
	for _, s := range inner {
		l.scope(s, cause)
	}
	l.TaskEnd()
}

// causeNow is why the task is cancelled by now, or nil. It does not ask the
// task's ctx, whose values are the task's own until it has begun.
func (c *Child) causeNow(over *CanceledError, asks bool) *CanceledError {
	own := c.own.Load()
	switch {
	case !asks && own != nil && own.noted.Load() != nil:
		return own.noted.Load()
	case !asks:
		return over
	case own != nil && own.Err() != nil:
		if e, ok := context.Cause(own.Context).(*CanceledError); ok { //nolint:errorlint // as in causeOfStd
			return e
		}
		return c.scope.causeOfStd() // a foreign one, which came from there
	case over == nil && c.scope.std.Err() != nil:
		return c.scope.causeOfStd()
	}
	return over
}

// waits notes what a strand waits for, if it does.
func (l *look) waits(s *park.Strand, what park.Awaited, since time.Time) {
	if what == nil {
		return
	}
	l.at.Waits, l.at.Since, l.at.Parked = true, since, s.Parked(since)
	l.at.Mark = what.Awaited(l.lock)
}

// listOf returns a list of scopes, oldest first.
func listOf(first *Scope) []*Scope {
	var list []*Scope
	for s := first; s != nil; s = s.next {
		list = append(list, s)
	}
	slices.Reverse(list)
	return list
}

// holders notes some of those tasks of s that are meant.
func (s *Scope) holders(m *park.Mark, look park.Look, meantLocked func(*Child) bool) {
	const enough = 16
	var found [enough]*Child
	n := 0
	if look == nil {
		return
	}
	if !look(&s.mu) {
		m.Locked = true
		return
	}
	steps := 0
	for c := s.tasks; c != nil && n < enough && steps < chunk; c = c.next {
		if steps++; meantLocked(c) {
			found[n] = c
			n++
		}
	}
	s.mu.Unlock()
	for _, c := range found[:n] {
		m.Holders = append(m.Holders, c.path())
		m.IDs = append(m.IDs, c.id)
	}
}

func init() {
	seam.Walk = walk
	seam.CodeOf = func(owner any) uintptr {
		if s, ok := owner.(*Scope); ok {
			return s.fn
		}
		return owner.(*Child).fn
	}
	seam.NameOf = func(owner any) (uint64, string) {
		if s, ok := owner.(*Scope); ok {
			return s.id, s.nameNow()
		}
		c := owner.(*Child)
		return c.id, c.Name()
	}
	seam.MeterOf = func(owner any) *otelx.Meter { return placeOf(owner).Meter }
	seam.ContextOf = func(owner any) context.Context { return placeOf(owner).Ctx }
}

// placeOf returns the place of a *Scope or *Child.
func placeOf(owner any) *park.Place {
	if s, ok := owner.(*Scope); ok {
		return &s.place
	}
	return &owner.(*Child).place
}
