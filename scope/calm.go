package scope

import (
	"sync/atomic"
	"time"
)

// A calm is what a scope keeps of the movable deadlines that apply inside it, its
// own and those around: none of them is reached before until, the zero Time if
// there is none, as long as nearer is asOf. So not every end of a scope has to
// look at everything around it, and a deep tree ends in linear time (R26).
type calm struct {
	until time.Time
	asOf  uint64
}

// nearer counts what makes a calm wrong: in a scope that has one, a deadline that
// was moved nearer, or a shield that was taken away. Only who has gone through a
// scope with a calm relies on it. Whoever makes a calm reads the count first, and
// whoever counts has made the change before. A deadline that was moved away, or
// is over, leaves a calm that ends too soon, and is then made anew.
var nearer atomic.Uint64

// nearerLocked says that a deadline is nearer to those inside the scope.
func (s *Scope) nearerLocked() {
	if s.calm != nil {
		nearer.Add(1)
	}
}

// fireAround fires every movable deadline that applies inside the scope and is
// reached.
func (s *Scope) fireAround(now time.Time) {
	if s.timedUp == nil {
		s.fireDue(now)
		return
	}
	asOf := nearer.Load()
	var room [8]*Scope
	path := room[:0]
	var until time.Time
	hidden := false
	for t := s; t != nil && !hidden; t = t.timedUp {
		var ok bool
		if until, ok = t.calmUntil(asOf, now); ok {
			break
		}
		t.fireDue(now)
		path = append(path, t)
		hidden = t.hidden.Load()
	}
	for i := len(path) - 1; i >= 0; i-- {
		var ok bool
		if until, ok = path[i].keepCalm(until, asOf, hidden); !ok {
			return
		}
		path[i].letIn()
		hidden = false
	}
}

// calmUntil returns until when no deadline that applies inside the scope is
// reached, if that is known and not over.
func (s *Scope) calmUntil(asOf uint64, now time.Time) (until time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calm == nil || s.calm.asOf != asOf || reached(s.calm.until, now) {
		return time.Time{}, false
	}
	return s.calm.until, true
}

// keepCalm makes the scope's calm out of that of what is around it, and returns
// it. It reports false, and does not, if what is around it was left out for a
// shield that is gone.
func (s *Scope) keepCalm(around time.Time, asOf uint64, hidden bool) (until time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hidden && !s.hidden.Load() {
		return until, false
	}
	until = around
	if s.movable && !s.settled && !s.passed {
		until = earliest(until, s.movableAt)
	}
	if s.calm == nil {
		s.calm = new(calm)
	}
	*s.calm = calm{until: until, asOf: asOf}
	return until, true
}
