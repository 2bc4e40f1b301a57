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
	if p, ok := park.Silent(ctx); ok && q.putNow(p, v) {
		return nil
	}
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

// putNow is a put of which nothing is recorded, if it need not wait.
func (q *Queue[T]) putNow(p *park.Place, v T) bool {
	q.mu.Lock()
	getter, done, _ := q.tryPutLocked(item[T]{value: v})
	q.mu.Unlock()
	if getter != nil {
		p.Wake(getter)
	}
	return done
}

func (q *Queue[T]) put(op *park.Op, it item[T]) error {
	q.mu.Lock()
	getter, done, err := q.tryPutLocked(it)
	if done || err != nil {
		q.mu.Unlock()
		op.Wake(getter)
		return err
	}
	e := q.entryLocked()
	e.item = it
	err = op.Wait(&q.mu, &q.putters, &e.Ticket, (*putting[T])(q))
	return q.release(e, err)
}

// tryPutLocked stores the item, or hands it to the getter that waits longest,
// which the caller has to wake: without the lock, which it may want next.
func (q *Queue[T]) tryPutLocked(it item[T]) (getter *park.Ticket, done bool, err error) {
	if q.closed {
		return nil, false, ErrQueueClosed
	}
	if q.getters.Len() > 0 {
		if t := q.getters.Serve(); t != nil {
			q.puts++
			q.gets++
			t.Owner.(*entry[T]).item = it
			return t, true, nil
		}
	}
	if !q.roomLocked() { // if there is room, nobody waits for it: see admitLocked
		return nil, false, nil
	}
	q.storeLocked(it)
	return nil, true, nil
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
	getter, done, err := q.tryPutLocked(it)
	q.mu.Unlock()
	op.Wake(getter)
	if !done && err == nil {
		err = ErrQueueFull
	}
	if op.Traced() {
		q.end(&op, "put", park.Origin{}, err)
	}
	return err
}
