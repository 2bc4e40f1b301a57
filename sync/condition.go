package sync

import (
	"context"

	"github.com/corral-go/corral/internal/park"
)

// A Condition is what the owner of a [Lock] waits for until another owner says
// that something has changed. Several conditions may share a lock. Make it with
// [NewCondition]; it must not be copied. It is Trio's and asyncio's Condition.
//
// Waiters are notified first come, first served. A notified one moves to the
// end of the lock's line and sleeps on until it is handed the lock: it wakes
// once, as the owner, and whoever waited for the lock before it comes before it.
type Condition struct {
	name string
	lock *Lock

	// Guarded by the lock's mu.
	line       park.Line // claimants
	listed     bool      // among the lock's conds
	next, prev *Condition
}

// NewCondition returns a condition of l, or, if that is nil, of a new lock of
// its own, with the same name.
func NewCondition(l *Lock, opts ...Option) *Condition {
	if l == nil {
		l = NewLock(opts...)
	}
	return &Condition{name: nameOf(opts), lock: l}
}

// Acquire is [Lock.Acquire] of the condition's lock.
func (c *Condition) Acquire(ctx context.Context) error { return c.lock.Acquire(ctx) }

// Release is [Lock.Release] of the condition's lock.
func (c *Condition) Release(ctx context.Context) error { return c.lock.Release(ctx) }

// Wait releases the lock, waits to be notified, and has the lock again when it
// returns, also when it returns the cancellation of ctx: that wait for the lock
// cannot be cancelled. A notification that comes together with the cancellation
// is not lost: either Wait returns nil, or the next waiter has got it. If ctx
// is cancelled before the call, the lock is not released.
//
// If the caller does not hold the lock, Wait returns [ErrNotOwner] at once. If
// the lock breaks meanwhile, it returns an error that Is [ErrBrokenLock], and
// then, as the only exception, does not have the lock. It panics if ctx is nil.
func (c *Condition) Wait(ctx context.Context) error {
	mustHave(ctx, "Condition.Wait")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = c.wait(&op)
	}
	if op.Traced() {
		endAcquire(&op, c, c.name, err)
	}
	return err
}

// WaitFor is [Condition.Wait] until pred holds; if it holds at once, the lock
// is not released. pred is called while the caller has the lock, and with
// nothing of ours locked. It panics if ctx or pred is nil.
func (c *Condition) WaitFor(ctx context.Context, pred func() bool) error {
	mustHave(ctx, "Condition.WaitFor")
	if pred == nil {
		panic("sync: Condition.WaitFor with a nil function: pass what to wait for, or call Wait")
	}
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = errNoReturn
		defer func() {
			if err == errNoReturn && op.Traced() { //nolint:errorlint // our own value
				endAcquire(&op, c, c.name, err)
			}
		}()
		err = c.waitFor(ctx, &op, pred)
	}
	if op.Traced() {
		endAcquire(&op, c, c.name, err)
	}
	return err
}

func (c *Condition) waitFor(ctx context.Context, op *park.Op, pred func() bool) error {
	err := c.lock.owned(actor(op.Place()))
	for err == nil && !pred() {
		if err = park.Check(ctx); err == nil {
			err = c.wait(op)
		}
	}
	return err
}

func (c *Condition) wait(op *park.Op) error {
	l := c.lock
	l.enter()
	if err := l.ownedLocked(actor(op.Place())); err != nil {
		l.exit()
		return err
	}
	e := newClaimant(l.owner)
	e.cond = c
	c.listLocked()
	b := l.passLocked(op)
	err := op.Wait(&l.mu, &c.line, &e.Ticket, e)
	b.stop() // of this owner, who could not end meanwhile
	if err != nil {
		if lost := c.takeBack(op, e); lost != nil {
			return lost
		}
		return err
	}
	return l.handed(e)
}

// takeBack gets the lock for a waiter that was cancelled. No cancellation ends
// that.
func (c *Condition) takeBack(op *park.Op, e *claimant) error {
	l := c.lock
	l.enter()
	c.unlistIfIdleLocked()
	e.notified = true
	l.exit()
	done, err := l.tryOrWatch(e.by, true)
	if done || err != nil {
		return err
	}
	op.Join(&l.mu, &l.line, &e.Ticket, e)
	return l.handed(e)
}

// Notify wakes the n waiters that wait longest, or all if there are fewer; none
// if n is not positive. They get the lock one after the other, as it is
// released. It returns [ErrNotOwner] if the caller does not hold the lock. It
// never blocks and does not care whether ctx is cancelled; ctx only says who
// calls. It panics if ctx is nil.
func (c *Condition) Notify(ctx context.Context, n int) error {
	mustHave(ctx, "Condition.Notify")
	return c.notify(ctx, n)
}

// NotifyAll is [Condition.Notify] for everyone who waits.
func (c *Condition) NotifyAll(ctx context.Context) error {
	mustHave(ctx, "Condition.NotifyAll")
	return c.notify(ctx, int(^uint(0)>>1))
}

func (c *Condition) notify(ctx context.Context, n int) error {
	l := c.lock
	by := actor(park.PlaceOf(ctx))
	l.enter()
	if err := l.ownedLocked(by); err != nil {
		l.exit()
		return err
	}
	for ; n > 0; n-- {
		t := c.line.Serve()
		if t == nil {
			break
		}
		t.Owner.(*claimant).notified = true
		l.line.Requeue(t)
	}
	c.unlistIfIdleLocked()
	var b *breaker
	if l.line.Len() > 0 {
		b = l.watchLocked()
	}
	l.exit()
	b.start()
	return nil
}

// listLocked makes the condition known to its lock, so that it hears when that
// breaks.
func (c *Condition) listLocked() {
	if c.listed {
		return
	}
	c.listed, c.next = true, c.lock.conds
	if c.next != nil {
		c.next.prev = c
	}
	c.lock.conds = c
}

func (c *Condition) unlistIfIdleLocked() {
	if c.listed && c.line.Len() == 0 {
		c.unlistLocked()
	}
}

func (c *Condition) unlistLocked() {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		c.lock.conds = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.listed, c.next, c.prev = false, nil, nil
}

// owned returns nil if the lock is held by the caller.
func (l *Lock) owned(by *park.Place) error {
	l.enter()
	defer l.exit()
	return l.ownedLocked(by)
}

// Awaited names what the waiter waits for in the live tree: the condition, and
// once notified the lock.
func (e *claimant) Awaited(look park.Look) park.Mark {
	c := e.cond
	m := park.Mark{Kind: "condition.wait", Name: c.name}
	switch {
	case look == nil:
		return m
	case !look(&c.lock.mu):
		m.Locked = true
		return m
	}
	notified := e.notified
	m.Waiters = c.line.Len()
	c.lock.mu.Unlock()
	if notified {
		return c.lock.Awaited(look)
	}
	return m
}
