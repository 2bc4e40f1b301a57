package sync

import (
	"context"
	"time"

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

	mu     park.Mutex // guards the rest
	locked bool
	owner  *park.Place // nil: nobody
	watch  *breaker    // of the owner, if somebody waits; or nil
	broken *brokenLock
	line   park.Line  // claimants
	conds  *Condition // those that are waited for
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

// NewLock returns a lock that is free.
func NewLock(opts ...Option) *Lock { return &Lock{name: nameOf(opts)} }

// Acquire takes the lock, waiting while somebody has it. It returns the
// cancellation of ctx, [ErrAlreadyOwner] if the caller has the lock, or an
// error that Is [ErrBrokenLock]; then the caller does not have it by this call.
// It panics if ctx is nil.
func (l *Lock) Acquire(ctx context.Context) error {
	mustHave(ctx, "Lock.Acquire")
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

// tryOrWatch takes the lock if it is free. If it is not, and the caller can
// wait, it returns with mu held, and somebody sees to it that the end of the
// owner does not go unnoticed. again says that the caller had it before, and
// cannot be told that it has it already.
func (l *Lock) tryOrWatch(by *park.Place, again bool) (done bool, err error) {
	for {
		l.mu.Lock()
		if !l.locked {
			b := l.takeLocked(by)
			l.mu.Unlock()
			b.start()
			return true, nil
		}
		if err := l.refusalLocked(by); err != nil && !(again && err == ErrAlreadyOwner) { //nolint:errorlint // our own value
			l.mu.Unlock()
			return false, err
		}
		b := l.watchLocked()
		if b == nil {
			return false, nil
		}
		l.mu.Unlock()
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
	l.mu.Lock()
	var b *breaker
	if l.conds != nil || l.line.Len() > 0 {
		b = l.watchLocked()
	}
	l.mu.Unlock()
	b.start()
	return nil
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

func (l *Lock) tryAcquire(by *park.Place) error {
	l.mu.Lock()
	if l.locked {
		defer l.mu.Unlock()
		if err := l.refusalLocked(by); err != nil {
			return err
		}
		return ErrWouldBlock
	}
	b := l.takeLocked(by)
	l.mu.Unlock()
	b.start()
	return nil
}

// Release gives the lock to who waits longest, or frees it. It returns
// [ErrNotOwner] if the lock is free or somebody else's, and an error that Is
// [ErrBrokenLock] if it is broken. It never blocks and does not care whether
// ctx is cancelled; ctx only says who releases. It panics if ctx is nil.
func (l *Lock) Release(ctx context.Context) error {
	mustHave(ctx, "Lock.Release")
	var op park.Op
	op.BeginTry(ctx)
	return l.release(&op, actor(op.Place()))
}

func (l *Lock) release(op *park.Op, by *park.Place) error {
	l.mu.Lock()
	if err := l.ownedLocked(by); err != nil {
		l.mu.Unlock()
		return err
	}
	b := l.passLocked(op)
	l.mu.Unlock()
	b.stop()
	return nil
}

// ownedLocked returns nil if the lock is held by the caller.
func (l *Lock) ownedLocked(by *park.Place) error {
	switch {
	case l.broken != nil:
		return l.broken
	case l.locked && (l.owner == by || l.owner == nil):
		return nil
	case !l.locked || !same(l.owner, by):
		return ErrNotOwner
	case hasEnded(l.owner): // the inner body that has acquired it
		l.breakLocked()
		return l.broken
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

// Locked reports whether somebody has the lock now, or it is broken.
func (l *Lock) Locked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.locked
}

// LockStats is a lock in one moment.
type LockStats struct {
	Name    string
	Owner   string // path of the owning task or scope, also if that has broken the lock; "" for nobody
	Waiters int
}

// Stats returns how the lock stands now.
func (l *Lock) Stats() LockStats {
	owner, _, _, waiters := l.state()
	return LockStats{Name: l.name, Owner: owner, Waiters: waiters}
}

// state returns the owner's path, and its id while it has not ended; since when
// it has had the lock at the latest, if that is known; and how many wait.
func (l *Lock) state() (owner string, id uint64, since time.Time, waiters int) {
	l.mu.Lock()
	by, broken := l.owner, l.broken
	if l.watch != nil {
		since = l.watch.since
	}
	waiters = l.line.Len()
	l.mu.Unlock()
	switch {
	case broken != nil:
		owner = broken.owner
	case by != nil:
		owner = seam.PathOf(by.Owner)
		id, _ = seam.NameOf(by.Owner)
	}
	return owner, id, since, waiters
}

// Awaited names the lock and its owner in the live tree.
func (l *Lock) Awaited() park.Mark { return l.mark("lock.acquire") }

// Label is what of that a trace needs.
func (l *Lock) Label() (kind, name string) { return "lock.acquire", l.name }

func (l *Lock) mark(kind string) park.Mark {
	owner, id, since, waiters := l.state()
	m := park.Mark{Kind: kind, Name: l.name, Held: since, Waiters: waiters}
	if owner != "" {
		m.Holders = []string{owner}
	}
	if id != 0 {
		m.IDs = []uint64{id}
	}
	return m
}
