package sync

import (
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// actor is who acts with a ctx that is at p: the task, or else the body of the
// innermost scope; nil is nobody.
func actor(p *park.Place) *park.Place {
	if p == nil || isTask(p) {
		return p
	}
	if line := seam.Line(p); isTask(line) {
		return line
	}
	return p
}

func isTask(p *park.Place) bool {
	_, ok := p.Owner.(*scope.Child)
	return ok
}

// same reports whether b acts for the owner a: it is the owner, or on the same
// line of execution (the body of a scope inside the owner's body, for one).
func same(a, b *park.Place) bool {
	return a == b || a != nil && b != nil && a.Strand == b.Strand
}

// hasEnded reports whether the task is done, or the body has returned.
func hasEnded(p *park.Place) bool { return p != nil && seam.EndOf(p) == nil }

// brokenLock is the ErrBrokenLock of one lock.
type brokenLock struct{ name, owner string }

func (e *brokenLock) Error() string {
	lock := "lock"
	if e.name != "" {
		lock += " " + e.name
	}
	return "sync: " + lock + " is broken: its owner " + e.owner + " ended without releasing it"
}

func (e *brokenLock) ErrorType() string { return "broken_lock" }
func (e *brokenLock) Unwrap() error     { return ErrBrokenLock }

// A breaker breaks a lock when its owner ends. There is one only while somebody
// waits for that owner, so that a lock nobody waits for costs nothing.
//
// Locks: the owner's latch may be locked when the lock's mu is taken, never the
// other way round. So start and stop are called with no lock held, and may meet
// on different goroutines: off, written before and read after the latch was
// locked, makes one of them take the watch back (TestBreakerLeavesNothing).
type breaker struct {
	park.Watch
	lock  *Lock
	owner *park.Place
	latch *park.Latch // nil: the owner has ended
	since time.Time   // the owner has had the lock since then, or longer
	off   atomic.Bool // the owner has released the lock
}

// start begins to watch the owner. On nil it does nothing.
func (b *breaker) start() {
	switch {
	case b == nil:
	case b.latch == nil || !b.latch.Watch(&b.Watch):
		b.Tell(nil)
	case b.off.Load():
		b.latch.Unwatch(&b.Watch)
	}
}

// stop ends the watch: the owner has released the lock. On nil it does nothing.
func (b *breaker) stop() {
	if b != nil && b.latch != nil {
		b.off.Store(true)
		b.latch.Unwatch(&b.Watch)
	}
}

// Tell breaks the lock, unless the owner has released it before it ended.
func (b *breaker) Tell(*park.Strand) {
	if b.off.Load() {
		return
	}
	l := b.lock
	l.mu.LockNested()
	if l.watch == b {
		l.breakLocked()
	}
	l.mu.UnlockNested()
}
