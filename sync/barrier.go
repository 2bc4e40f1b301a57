package sync

import (
	"context"
	"fmt"

	"github.com/corral-go/corral/internal/park"
)

// A Barrier lets a number of parties go on together: the first ones wait until
// the last has come. Then it is ready for the next round. Make it with
// [NewBarrier]; it must not be copied. All methods may be called from any
// goroutine; what any party did before it came is visible to all when they go
// on. It is asyncio's Barrier.
//
// A waiter that is cancelled leaves: the barrier is as if it had not come, and
// the place is free again. Only [Barrier.Break] breaks a barrier, unlike in
// Python's threading.
type Barrier struct {
	name    string
	parties int

	mu     park.Mutex // guards the rest
	line   park.Line  // arrivals
	broken bool
}

// arrival is a party that waits for the others.
type arrival struct {
	park.Ticket
	opened bool // the round is over, and it was one of the parties
	index  int
	broken bool
}

// NewBarrier returns a barrier for so many parties. It panics if that is less
// than one.
func NewBarrier(parties int, opts ...Option) *Barrier {
	if parties < 1 {
		panic(fmt.Sprintf("sync: NewBarrier(%d): a barrier needs at least one party", parties))
	}
	return &Barrier{name: nameOf(opts), parties: parties}
}

// Wait waits until as many parties have come as the barrier is for, and returns
// how many of them came before this one: 0 for the first. It returns the
// cancellation of ctx, and then this party has not come; or [ErrBrokenBarrier].
// A cancellation in the moment in which the last party comes is too late. It
// panics if ctx is nil.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	mustHave(ctx, "Barrier.Wait")
	var op park.Op
	err = op.Begin(ctx)
	if err == nil {
		index, err = b.wait(&op)
	}
	if op.Traced() {
		endAcquire(&op, b, b.name, err)
	}
	return index, err
}

func (b *Barrier) wait(op *park.Op) (index int, err error) {
	b.mu.Lock()
	if b.broken {
		b.mu.Unlock()
		return 0, ErrBrokenBarrier
	}
	if b.line.Len() == b.parties-1 {
		b.openLocked(op)
		b.mu.Unlock()
		return b.parties - 1, nil
	}
	a := new(arrival)
	a.Owner = a
	err = op.Wait(&b.mu, &b.line, &a.Ticket, b)
	switch {
	case a.opened: // cancelled or not: the others have gone on with it
		return a.index, nil
	case err == nil && a.broken:
		err = ErrBrokenBarrier
	}
	return 0, err
}

// openLocked ends a round. Who is in line is a party, also if it is being
// cancelled: it has not left yet, and learns on its way out that it was counted.
// To claim the others first and then find that one has left would be too late
// to take them back.
func (b *Barrier) openLocked(op *park.Op) {
	for i := 0; b.line.Len() > 0; i++ {
		t := b.line.First()
		b.line.Remove(t)
		a := t.Owner.(*arrival)
		a.opened, a.index = true, i
		if t.Claim() {
			op.Wake(t)
		}
	}
}

// Break ends the barrier for good: whoever waits, and whoever comes later, gets
// [ErrBrokenBarrier]. Breaking it again does nothing.
func (b *Barrier) Break() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = true
	for t := b.line.Serve(); t != nil; t = b.line.Serve() {
		t.Owner.(*arrival).broken = true
		t.Wake()
	}
}

// Awaited names the barrier in the live tree.
func (b *Barrier) Awaited(look park.Look) park.Mark {
	return marked(look, "barrier.wait", b.name, &b.mu, &b.line)
}
