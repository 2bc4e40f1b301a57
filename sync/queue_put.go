package sync

import (
	"context"

	"github.com/corral-go/corral/internal/park"
)

// Put adds an item, waiting while the queue is full. It returns the
// cancellation of ctx, or [ErrQueueClosed]; then the item was not stored. It
// panics if ctx is nil.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	mustHave(ctx, "Queue.Put")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = q.put(&op, item[T]{value: v, from: op.Origin()})
	}
	if op.Traced() {
		q.end(&op, "put", park.Origin{}, err)
	}
	return err
}

func (q *Queue[T]) put(op *park.Op, it item[T]) error {
	q.mu.Lock()
	done, err := q.tryPutLocked(op, it)
	if done || err != nil {
		q.mu.Unlock()
		return err
	}
	e := q.entryLocked()
	e.item = it
	err = op.Wait(&q.mu, &q.putters, &e.Ticket, (*putting[T])(q))
	return q.release(e, err)
}

// tryPutLocked stores the item, or hands it to the getter that waits longest.
func (q *Queue[T]) tryPutLocked(op *park.Op, it item[T]) (done bool, err error) {
	if q.closed {
		return false, ErrQueueClosed
	}
	if t := q.getters.Serve(); t != nil {
		q.puts++
		q.gets++
		t.Owner.(*entry[T]).item = it
		op.Wake(t)
		return true, nil
	}
	if !q.roomLocked() { // if there is room, nobody waits for it: see admitLocked
		return false, nil
	}
	q.storeLocked(it)
	return true, nil
}

func (q *Queue[T]) storeLocked(it item[T]) {
	q.puts++
	q.items.push(it)
	if q.timed || q.items.n > q.peak || q.sorted != nil {
		q.storedLocked()
	}
}

// storedLocked is what there may be to note of an item that was stored.
func (q *Queue[T]) storedLocked() {
	if q.timed {
		q.times.push(queueClock())
	}
	q.peak = max(q.peak, q.lenLocked())
}

// TryPut adds an item, or returns [ErrQueueFull] if it would have to wait or
// [ErrQueueClosed]. It never blocks; ctx only places the span. It panics if ctx
// is nil.
func (q *Queue[T]) TryPut(ctx context.Context, v T) error {
	mustHave(ctx, "Queue.TryPut")
	var op park.Op
	op.BeginTry(ctx)
	it := item[T]{value: v, from: op.Origin()}
	q.mu.Lock()
	done, err := q.tryPutLocked(&op, it)
	q.mu.Unlock()
	if !done && err == nil {
		err = ErrQueueFull
	}
	if op.Traced() {
		q.end(&op, "put", park.Origin{}, err)
	}
	return err
}
