package sync

import (
	"context"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// A Lock is held by one owner at a time: the task in ctx; else, in the body of
// a scope that is in no task, that body; else nobody, and then whoever likes
// may release it. The zero Lock is free, has no name, and is ready to use. A
// Lock must not be copied. All methods may be called from any goroutine; what
// an owner did is visible to the next one. It is Trio's Lock.
//
//	free → held → (hand-over) held → … → free
//	held → broken, if the owner ends without releasing it
//
// A release hands the lock to who waits longest; nobody can take it in between.
// If the owner ends without releasing it (the task is done, the body has
// returned), what the lock guards is in doubt: the lock is broken for good, and
// who waits, and who comes later, gets an [ErrBrokenLock].
//
// The bodies of scopes inside the owner's body act for the owner. But a lock
// that was acquired in such an inner body, outside of any task, is owned by
// that one: acquire and release it in the same body. To bound the wait alone,
// pass Acquire a ctx of context.WithTimeout.
type Lock struct {
	name string
	word atomic.Pointer[park.Place] // see enter

	mu     park.Mutex // guards the rest
	locked bool
	owner  *park.Place // nil: nobody
	watch  *breaker    // of the owner, if somebody waits; or nil
	broken *brokenLock
	line   park.Line  // claimants
	conds  *Condition // those that are waited for
}

// NewLock returns a lock that is free.
func NewLock(opts ...Option) *Lock { return &Lock{name: nameOf(opts)} }

// Acquire takes the lock, waiting while somebody has it. It returns the
// cancellation of ctx, [ErrAlreadyOwner] if the caller has the lock, or an
// error that Is [ErrBrokenLock]; then the caller does not have it by this call.
// It panics if ctx is nil.
func (l *Lock) Acquire(ctx context.Context) error {
	mustHave(ctx, "Lock.Acquire")
	if p, ok := park.Quick(ctx); ok && l.take(actor(p)) {
		return nil
	}
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = l.acquire(&op, actor(op.Place()), l)
	}
	if op.Traced() {
		endAcquire(&op, l, l.name, err)
	}
	return err
}

func (l *Lock) acquire(op *park.Op, by *park.Place, what park.Awaited) error {
	done, err := l.tryOrWatch(by, false)
	if done || err != nil {
		return err
	}
	e := newClaimant(by)
	if err := op.Wait(&l.mu, &l.line, &e.Ticket, what); err != nil {
		return err
	}
	return l.handed(e)
}

// TryAcquire takes the lock if it is free. Otherwise it returns
// [ErrWouldBlock], [ErrAlreadyOwner], or an error that Is [ErrBrokenLock]. It
// never blocks; ctx only says who the owner is, and places the span. It panics
// if ctx is nil.
func (l *Lock) TryAcquire(ctx context.Context) error {
	mustHave(ctx, "Lock.TryAcquire")
	var op park.Op
	op.BeginTry(ctx)
	err := l.tryAcquire(actor(op.Place()))
	if op.Traced() {
		endAcquire(&op, l, l.name, err)
	}
	return err
}

// Release gives the lock to who waits longest, or frees it. It returns
// [ErrNotOwner] if the lock is free or somebody else's, and an error that Is
// [ErrBrokenLock] if it is broken. It never blocks and does not care whether
// ctx is cancelled; ctx only says who releases. It panics if ctx is nil.
func (l *Lock) Release(ctx context.Context) error {
	mustHave(ctx, "Lock.Release")
	return l.release(ctx)
}

func (l *Lock) release(ctx context.Context) error {
	p := park.PlaceOf(ctx)
	if l.free(p) { // most actors have a ctx of their own
		return nil
	}
	by := actor(p)
	if by != p && l.free(by) {
		return nil
	}
	var op park.Op
	op.At(ctx)
	l.enter()
	if err := l.ownedLocked(by); err != nil {
		l.exit()
		return err
	}
	b := l.passLocked(&op)
	l.exit()
	b.stop()
	return nil
}

// Locked reports whether somebody has the lock now, or it is broken.
func (l *Lock) Locked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, _ := l.peekLocked()
	return held
}

// LockStats is a lock in one moment.
type LockStats struct {
	Name    string
	Owner   string // path of the owning task or scope, also if that has broken the lock; "" for nobody
	Waiters int
}

// Stats returns how the lock stands now.
func (l *Lock) Stats() LockStats {
	m := l.mark(park.Patient, "")
	s := LockStats{Name: l.name, Waiters: m.Waiters}
	if len(m.Holders) > 0 {
		s.Owner = m.Holders[0]
	}
	return s
}

// Awaited names the lock and its owner in the live tree.
func (l *Lock) Awaited(look park.Look) park.Mark { return l.mark(look, "lock.acquire") }

// mark has the owner's path, and its id while it has not ended, and since when
// it has had the lock at the latest, if that is known.
func (l *Lock) mark(look park.Look, kind string) park.Mark {
	m := park.Mark{Kind: kind, Name: l.name}
	switch {
	case look == nil:
		return m
	case !look(&l.mu):
		m.Locked = true
		return m
	}
	_, by := l.peekLocked()
	broken := l.broken
	if l.watch != nil {
		m.Held = l.watch.since
	}
	m.Waiters = l.line.Len()
	l.mu.Unlock()
	switch {
	case broken != nil:
		m.Holders = []string{broken.owner}
	case by != nil:
		id, _ := seam.NameOf(by.Owner)
		m.Holders, m.IDs = []string{seam.PathOf(by.Owner)}, []uint64{id}
	}
	return m
}
