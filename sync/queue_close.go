package sync

import "github.com/corral-go/corral/internal/park"

// Close ends the queue for putters: puts fail with [ErrQueueClosed], those that
// wait wake with it and their items are not stored. What is in the queue can
// still be taken; then gets fail too. Closing again does nothing.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closeLocked()
	q.mu.Unlock()
}

func (q *Queue[T]) closeLocked() {
	q.closed = true
	q.wakeClosedLocked(&q.putters)
	q.wakeClosedLocked(&q.getters) // there are none unless the queue is empty
}

func (q *Queue[T]) wakeClosedLocked(l *park.Line) {
	for t := l.Serve(); t != nil; t = l.Serve() {
		t.Owner.(*entry[T]).closed = true
		t.Wake()
	}
}

// CloseNow is [Queue.Close], takes out what is left, in the order in which it
// would have been got, and marks that as done (see [Queue.Join]).
func (q *Queue[T]) CloseNow() (dropped []T) {
	q.mu.Lock()
	q.closeLocked()
	if q.sorted != nil {
		return q.drainLocked()
	}
	if n := q.items.n; n > 0 {
		dropped = make([]T, 0, n)
	}
	for q.items.n > 0 {
		dropped = append(dropped, q.nextLocked().value)
	}
	q.items, q.times = ring[item[T]]{}, ring[int64]{}
	q.doneLocked(len(dropped), nil)
	q.mu.Unlock()
	return dropped
}

// drainLocked takes out what is left of a priority queue: all at once, and then
// it works out the order, without the lock, which it lets go of for good. If the
// user's function panics there, it puts everything back.
func (q *Queue[T]) drainLocked() (dropped []T) {
	var takes []*take[T]
	over := false
	defer func() {
		if !over {
			for _, t := range takes {
				q.giveUp(new(park.Op), t)
			}
		}
	}()
	for n := q.lenLocked(); n > 0; n = q.lenLocked() { // again only if a getter has given up
		q.gets += uint64(n) // giveUp counts them back
		for range n {
			takes = append(takes, q.noteLocked())
		}
		q.findLocked(takes[len(takes)-1]) // and those before it
	}
	over = true
	for _, t := range takes {
		dropped = append(dropped, t.found.item.value)
	}
	q.gets -= uint64(len(takes))
	q.doneLocked(len(takes), nil)
	q.mu.Unlock()
	return dropped
}
