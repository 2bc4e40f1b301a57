package sync

import (
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// What the word of a lock can be, beside nil (free) and its owner.
var (
	nobody  park.Place // it is held by nobody in particular
	crowded park.Place // look under mu
)

func orNobody(by *park.Place) *park.Place {
	if by == nil {
		return &nobody
	}
	return by
}

// take takes the lock if it is free and nobody waits for anything of it.
func (l *Lock) take(by *park.Place) bool {
	park.Yield()
	return l.word.CompareAndSwap(nil, orNobody(by))
}

// free frees the lock if by has it and nobody waits for anything of it.
func (l *Lock) free(by *park.Place) bool {
	park.Yield()
	return l.word.CompareAndSwap(orNobody(by), nil)
}

// enter takes mu. While nobody waits, the word is all there is to a lock, and
// one compare-and-swap takes and frees it:
//
//	nil → owner → nil
//
// Whoever wants more than that makes it crowded under mu, and from then on the
// fields under mu count, and change under mu only, until exit finds the lock
// free and nobody waiting.
func (l *Lock) enter() {
	l.mu.Lock()
	for {
		w := l.word.Load()
		if w == &crowded {
			return
		}
		if l.word.CompareAndSwap(w, &crowded) {
			l.locked, l.owner = w != nil, w
			if w == &nobody {
				l.owner = nil
			}
			return
		}
	}
}

// exit lets go of mu.
func (l *Lock) exit() {
	if !l.locked && l.conds == nil {
		l.word.Store(nil)
	}
	l.mu.Unlock()
}

// peekLocked returns who has the lock, without making it crowded.
func (l *Lock) peekLocked() (held bool, owner *park.Place) {
	switch w := l.word.Load(); w {
	case &crowded:
		return l.locked, l.owner
	case &nobody:
		return true, nil
	default:
		return w != nil, w
	}
}

// claimant is a place in the line of a lock or condition.
type claimant struct {
	park.Ticket
	by  *park.Place // who will be the owner
	err error       // why it was woken without the lock

	cond     *Condition // whose waiter it is, or nil
	notified bool       // and that it waits for the lock by now
}

func newClaimant(by *park.Place) *claimant {
	e := &claimant{by: by}
	e.Owner = e
	return e
}

// tryOrWatch takes the lock if it is free. If it is not, and the caller can
// wait, it returns with mu held, and somebody sees to it that the end of the
// owner does not go unnoticed. again says that the caller had it before, and
// cannot be told that it has it already.
func (l *Lock) tryOrWatch(by *park.Place, again bool) (done bool, err error) {
	if l.take(by) {
		return true, nil
	}
	for {
		l.enter()
		if !l.locked {
			b := l.takeLocked(by)
			l.exit()
			b.start()
			return true, nil
		}
		if err := l.refusalLocked(by); err != nil && !(again && err == ErrAlreadyOwner) { //nolint:errorlint // our own value
			l.exit()
			return false, err
		}
		b := l.watchLocked()
		if b == nil {
			return false, nil
		}
		l.exit()
		b.start()
	}
}

// takeLocked makes by the owner. The caller starts the breaker that it returns.
func (l *Lock) takeLocked(by *park.Place) *breaker {
	l.locked, l.owner = true, by
	if l.conds == nil && l.line.Len() == 0 {
		return nil
	}
	return l.watchLocked()
}

// watchLocked makes a breaker for the owner, for the caller to start; nil if
// there is one, or no owner.
func (l *Lock) watchLocked() *breaker {
	if l.owner == nil || l.watch != nil {
		return nil
	}
	l.watch = &breaker{lock: l, owner: l.owner, latch: seam.EndOf(l.owner), since: time.Now()}
	l.watch.To = l.watch
	return l.watch
}

// refusalLocked is why the caller must not wait for the lock, or nil.
func (l *Lock) refusalLocked(by *park.Place) error {
	switch {
	case l.broken != nil:
		return l.broken
	case hasEnded(l.owner):
		l.breakLocked()
		return l.broken
	case by != nil && same(l.owner, by):
		return ErrAlreadyOwner
	}
	return nil
}

// handed returns what a claimant was woken with. If that is the lock, and others
// wait for it, it has its new owner watched.
func (l *Lock) handed(e *claimant) error {
	if e.err != nil {
		return e.err
	}
	l.enter()
	var b *breaker
	if l.conds != nil || l.line.Len() > 0 {
		b = l.watchLocked()
	}
	l.exit()
	b.start()
	return nil
}

func (l *Lock) tryAcquire(by *park.Place) error {
	if l.take(by) {
		return nil
	}
	l.enter()
	if l.locked {
		defer l.exit()
		if err := l.refusalLocked(by); err != nil {
			return err
		}
		return ErrWouldBlock
	}
	b := l.takeLocked(by)
	l.exit()
	b.start()
	return nil
}

// ownedLocked returns nil if the lock is held by the caller.
func (l *Lock) ownedLocked(by *park.Place) error {
	switch {
	case l.broken != nil:
		return l.broken
	case l.locked && (l.owner == by || l.owner == nil):
		return nil
	case !l.locked:
		return ErrNotOwner
	case hasEnded(l.owner): // also an inner body of the caller's that has acquired it
		l.breakLocked()
		return l.broken
	case !same(l.owner, by):
		return ErrNotOwner
	}
	return nil
}

// passLocked hands the lock to who waits longest, or frees it. The caller stops
// the breaker that it returns, once mu is free.
func (l *Lock) passLocked(op *park.Op) *breaker {
	b := l.watch
	l.watch = nil
	t := l.line.Serve()
	if t == nil {
		l.locked, l.owner = false, nil
		return b
	}
	l.owner = t.Owner.(*claimant).by // it has itself watched when it wakes
	op.Wake(t)
	return b
}

// breakLocked says that the owner has ended, to everyone who waits.
func (l *Lock) breakLocked() {
	l.broken = &brokenLock{name: l.name, owner: seam.PathOf(l.owner.Owner)}
	l.owner, l.watch = nil, nil
	l.failLocked(&l.line)
	for l.conds != nil {
		l.failLocked(&l.conds.line)
		l.conds.unlistLocked()
	}
}

func (l *Lock) failLocked(line *park.Line) {
	for t := line.Serve(); t != nil; t = line.Serve() {
		t.Owner.(*claimant).err = l.broken
		t.Wake()
	}
}
