package sync

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// A CapacityLimiter lends out a total of tokens, at most one to a borrower, and
// knows who has one. The borrower is the task in ctx; else the root scope, in
// whose body, or in a scope inside it, ctx is; else nobody in particular. Or it
// is any value that can be compared: see [CapacityLimiter.AcquireOnBehalfOf].
//
// The total can be changed at any time. Make a limiter with
// [NewCapacityLimiter]; it must not be copied. All methods may be called from
// any goroutine. It is AnyIO's and Trio's CapacityLimiter.
type CapacityLimiter struct {
	name    string
	watched atomic.Bool // by a meter

	mu        park.Mutex // guards the rest
	total     int
	borrowers map[any]struct{}
	nobody    int       // tokens that nobody in particular has
	line      park.Line // loans; empty, but for some that are being cancelled, while a token is free
}

// loan is a borrower in line.
type loan struct {
	park.Ticket
	borrower any // nil: nobody in particular
	err      error
}

// NewCapacityLimiter returns a limiter with total tokens. It panics if total is
// negative.
func NewCapacityLimiter(total int, opts ...Option) *CapacityLimiter {
	if err := checkTotal(total); err != nil {
		panic(err.Error())
	}
	return &CapacityLimiter{name: nameOf(opts), total: total}
}

func checkTotal(n int) error {
	if n < 0 {
		return &sentinel{text: fmt.Sprintf("sync: CapacityLimiter with a total of %d: pass 0 or more", n), word: "invalid_total"}
	}
	return nil
}

// Acquire borrows a token for the caller, waiting while none is free. It
// returns the cancellation of ctx, and then none was borrowed, or
// [ErrAlreadyOwner] if the caller has one. It panics if ctx is nil.
func (l *CapacityLimiter) Acquire(ctx context.Context) error {
	mustHave(ctx, "CapacityLimiter.Acquire")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = l.acquire(&op, borrowerOf(op.Place()))
	}
	if op.Traced() {
		l.end(&op, err)
	}
	return err
}

// AcquireOnBehalfOf is [CapacityLimiter.Acquire] for a borrower of your choice,
// for a token that outlives the caller, or is handed on. It panics if ctx or
// borrower is nil, or if the borrower is not equal to itself, as a slice or a
// NaN.
func (l *CapacityLimiter) AcquireOnBehalfOf(ctx context.Context, borrower any) error {
	mustHave(ctx, "CapacityLimiter.AcquireOnBehalfOf")
	mustBorrow(borrower, "AcquireOnBehalfOf")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = l.acquire(&op, borrower)
	}
	if op.Traced() {
		l.end(&op, err)
	}
	return err
}

func (l *CapacityLimiter) acquire(op *park.Op, borrower any) error {
	l.mu.Lock()
	err := l.tryLocked(borrower)
	if err != ErrWouldBlock { //nolint:errorlint // tryLocked's own value
		l.mu.Unlock()
		return err
	}
	a := &loan{borrower: borrower}
	a.Owner = a
	if err := op.Wait(&l.mu, &l.line, &a.Ticket, l); err != nil {
		return err
	}
	return a.err
}

// tryLocked borrows a token, or says why not.
func (l *CapacityLimiter) tryLocked(borrower any) error {
	switch {
	case l.hasLocked(borrower):
		return ErrAlreadyOwner
	case l.borrowedLocked() >= l.total:
		return ErrWouldBlock
	}
	l.lendLocked(borrower)
	return nil
}

func (l *CapacityLimiter) hasLocked(borrower any) bool {
	if borrower == nil {
		return false
	}
	_, has := l.borrowers[borrower]
	return has
}

func (l *CapacityLimiter) borrowedLocked() int { return len(l.borrowers) + l.nobody }

func (l *CapacityLimiter) lendLocked(borrower any) {
	if borrower == nil {
		l.nobody++
		return
	}
	if l.borrowers == nil {
		l.borrowers = make(map[any]struct{})
	}
	l.borrowers[borrower] = struct{}{}
}

// admitLocked hands tokens that are free to those who wait longest.
func (l *CapacityLimiter) admitLocked(op *park.Op) {
	for l.borrowedLocked() < l.total {
		t := l.line.Serve()
		if t == nil {
			return
		}
		a := t.Owner.(*loan)
		if l.hasLocked(a.borrower) { // somebody else has borrowed for it meanwhile
			a.err = ErrAlreadyOwner
		} else {
			l.lendLocked(a.borrower)
		}
		op.Wake(t)
	}
}

// TryAcquire borrows a token for the caller, or returns [ErrWouldBlock] or
// [ErrAlreadyOwner]. It never blocks; ctx only says who the caller is, and
// places the span. It panics if ctx is nil.
func (l *CapacityLimiter) TryAcquire(ctx context.Context) error {
	mustHave(ctx, "CapacityLimiter.TryAcquire")
	var op park.Op
	op.BeginTry(ctx)
	return l.tryAcquire(&op, borrowerOf(op.Place()))
}

// TryAcquireOnBehalfOf is [CapacityLimiter.TryAcquire] for a borrower of your
// choice, as [CapacityLimiter.AcquireOnBehalfOf] is.
func (l *CapacityLimiter) TryAcquireOnBehalfOf(ctx context.Context, borrower any) error {
	mustHave(ctx, "CapacityLimiter.TryAcquireOnBehalfOf")
	mustBorrow(borrower, "TryAcquireOnBehalfOf")
	var op park.Op
	op.BeginTry(ctx)
	return l.tryAcquire(&op, borrower)
}

func (l *CapacityLimiter) tryAcquire(op *park.Op, borrower any) error {
	l.mu.Lock()
	err := l.tryLocked(borrower)
	l.mu.Unlock()
	if op.Traced() {
		l.end(op, err)
	}
	return err
}

// Release gives the caller's token back: to who waits longest, if there is one.
// It returns [ErrNotOwner] if the caller has none. It never blocks and does not
// care whether ctx is cancelled; ctx only says who the caller is. It panics if
// ctx is nil.
func (l *CapacityLimiter) Release(ctx context.Context) error {
	mustHave(ctx, "CapacityLimiter.Release")
	var op park.Op
	op.At(ctx)
	return l.release(&op, borrowerOf(op.Place()))
}

// ReleaseOnBehalfOf is [CapacityLimiter.Release] for a borrower of your choice,
// whoever calls.
func (l *CapacityLimiter) ReleaseOnBehalfOf(borrower any) error {
	mustBorrow(borrower, "ReleaseOnBehalfOf")
	var op park.Op
	return l.release(&op, borrower)
}

func (l *CapacityLimiter) release(op *park.Op, borrower any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case borrower == nil && l.nobody > 0:
		l.nobody--
	case l.hasLocked(borrower):
		delete(l.borrowers, borrower)
	default:
		return ErrNotOwner
	}
	l.admitLocked(op)
	return nil
}

// Total returns how many tokens there are, lent or not.
func (l *CapacityLimiter) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// SetTotal changes how many tokens there are. If there are more, those who wait
// longest get the new ones at once. If there are fewer than are lent, nobody
// gets one until it fits; nothing is taken away. It returns an error, and
// changes nothing, if n is negative; with 0 nobody gets one.
func (l *CapacityLimiter) SetTotal(n int) error {
	if err := checkTotal(n); err != nil {
		return err
	}
	var op park.Op
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total = n
	l.admitLocked(&op)
	return nil
}

// Borrowed returns how many tokens are lent now. That is more than Total after
// that has shrunk.
func (l *CapacityLimiter) Borrowed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.borrowedLocked()
}

// Available returns how many tokens can be borrowed now; never less than 0.
func (l *CapacityLimiter) Available() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.total-l.borrowedLocked())
}

// end records the operation, and has the limiter measured from its first one on.
func (l *CapacityLimiter) end(op *park.Op, err error) {
	if m := op.Meter(); m != nil && l.watched.CompareAndSwap(false, true) {
		otelx.WatchLimiter(m, (*measuredLimiter)(l))
	}
	endAcquire(op, l, l.name, err)
}

// measuredLimiter is a limiter as its metrics see it.
type measuredLimiter CapacityLimiter

// LimiterLevel returns what is measured when metrics are collected.
func (m *measuredLimiter) LimiterLevel() (name string, usage, limit, pending int) {
	l := (*CapacityLimiter)(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.name, l.borrowedLocked(), l.total, l.line.Len()
}

// Waiters returns how many wait for a token now.
func (l *CapacityLimiter) Waiters() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line.Len()
}
