package sync

import (
	"context"

	"github.com/corral-go/corral/internal/park"
)

// Get takes the next item, waiting while there is none. It returns the
// cancellation of ctx, or [ErrQueueClosed] when the queue is closed and empty.
// It panics if ctx is nil.
func (q *Queue[T]) Get(ctx context.Context) (v T, err error) {
	mustHave(ctx, "Queue.Get")
	if p, ok := park.Silent(ctx); ok && q.sorted == nil {
		if v, ok := q.getNow(p); ok {
			return v, nil
		}
	}
	var op park.Op
	if err := op.Begin(ctx); err != nil {
		if op.Traced() {
			q.end(&op, "get", park.Origin{}, err)
		}
		return v, err
	}
	it, err := q.get(&op)
	if op.Traced() {
		q.end(&op, "get", it.from, err)
	}
	return it.value, err
}

// getNow is a get of which nothing is recorded, if it need not wait.
func (q *Queue[T]) getNow(p *park.Place) (v T, ok bool) {
	q.mu.Lock()
	if q.items.n == 0 {
		q.mu.Unlock()
		return v, false
	}
	v = q.takeLocked().value
	putter := q.admitLocked(nil)
	q.mu.Unlock()
	if putter != nil {
		p.Wake(putter)
	}
	return v, true
}

func (q *Queue[T]) get(op *park.Op) (it item[T], err error) {
	q.mu.Lock()
	it, putter, done, err := q.tryGetLocked(op)
	if done || err != nil {
		q.mu.Unlock()
		op.Wake(putter)
		return it, err
	}
	e := q.entryLocked()
	err = op.Wait(&q.mu, &q.getters, &e.Ticket, (*getting[T])(q))
	if err == nil {
		if e.take != nil {
			return q.inherit(op, e)
		}
		it = e.item
	}
	return it, q.release(e, err)
}

// tryGetLocked takes the next item and lets the putter in that waits longest,
// which the caller has to wake: without the lock, which it may want next. In a
// priority queue it lets go of the lock in between.
func (q *Queue[T]) tryGetLocked(op *park.Op) (it item[T], putter *park.Ticket, done bool, err error) {
	if q.lenLocked() == 0 {
		if q.closed {
			err = ErrQueueClosed
		}
		return it, nil, false, err
	}
	if q.sorted != nil {
		q.gets++
		return q.chooseLocked(op), nil, true, nil
	}
	it = q.takeLocked()
	return it, q.admitLocked(op), true, nil
}

// takeLocked gets the next item of a queue that is not sorted.
func (q *Queue[T]) takeLocked() item[T] {
	q.gets++
	if q.lifo || q.timed {
		return q.nextLocked()
	}
	return q.items.pop()
}

// nextLocked takes the next item of a queue that is not sorted.
func (q *Queue[T]) nextLocked() item[T] {
	if q.lifo {
		if q.timed {
			q.times.popLast()
		}
		return q.items.popLast()
	}
	if q.timed {
		q.times.pop()
	}
	return q.items.pop()
}

// admitLocked stores the item of the putter that waits longest, after an item
// was taken. If there is room after that, nobody is left in line: there was no
// room before, or nobody waited. The caller wakes the putter.
func (q *Queue[T]) admitLocked(op *park.Op) (putter *park.Ticket) {
	if q.putters.Len() == 0 || !q.roomLocked() { // see giveUp
		return nil
	}
	t := q.putters.Serve()
	if t != nil {
		it := t.Owner.(*entry[T]).item
		it.from.Stored(op)
		q.storeLocked(it)
	}
	return t
}

// TryGet takes the next item, or returns [ErrQueueEmpty] if there is none, or
// [ErrQueueClosed] if there will be none. It never blocks; ctx only places the
// span. It panics if ctx is nil.
func (q *Queue[T]) TryGet(ctx context.Context) (v T, err error) {
	mustHave(ctx, "Queue.TryGet")
	var op park.Op
	op.BeginTry(ctx)
	q.mu.Lock()
	it, putter, done, err := q.tryGetLocked(&op)
	q.mu.Unlock()
	op.Wake(putter)
	if !done && err == nil {
		err = ErrQueueEmpty
	}
	if op.Traced() {
		q.end(&op, "get", it.from, err)
	}
	return it.value, err
}
