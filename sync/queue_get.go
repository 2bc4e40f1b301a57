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

func (q *Queue[T]) get(op *park.Op) (it item[T], err error) {
	q.mu.Lock()
	it, done, err := q.tryGetLocked(op)
	if done || err != nil {
		q.mu.Unlock()
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

// tryGetLocked takes the next item and lets the putter in that waits longest.
// In a priority queue it lets go of the lock in between.
func (q *Queue[T]) tryGetLocked(op *park.Op) (it item[T], done bool, err error) {
	if q.lenLocked() == 0 {
		if q.closed {
			err = ErrQueueClosed
		}
		return it, false, err
	}
	q.gets++
	if q.sorted != nil {
		return q.chooseLocked(op), true, nil
	}
	if q.lifo || q.timed {
		it = q.nextLocked()
	} else {
		it = q.items.pop()
	}
	if q.putters.Len() > 0 {
		q.admitLocked(op)
	}
	return it, true, nil
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
// room before, or nobody waited.
func (q *Queue[T]) admitLocked(op *park.Op) {
	if !q.roomLocked() { // see giveUp
		return
	}
	if t := q.putters.Serve(); t != nil {
		it := t.Owner.(*entry[T]).item
		it.from.Stored(op)
		q.storeLocked(it)
		op.Wake(t)
	}
}

// TryGet takes the next item, or returns [ErrQueueEmpty] if there is none, or
// [ErrQueueClosed] if there will be none. It never blocks; ctx only places the
// span. It panics if ctx is nil.
func (q *Queue[T]) TryGet(ctx context.Context) (v T, err error) {
	mustHave(ctx, "Queue.TryGet")
	var op park.Op
	op.BeginTry(ctx)
	q.mu.Lock()
	it, done, err := q.tryGetLocked(&op)
	q.mu.Unlock()
	if !done && err == nil {
		err = ErrQueueEmpty
	}
	if op.Traced() {
		q.end(&op, "get", it.from, err)
	}
	return it.value, err
}
