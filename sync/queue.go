package sync

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// A Queue passes items from any number of putters to any number of getters,
// first in first out. A bounded one makes putters wait while it is full. The
// zero Queue is unbounded and has no name. A Queue must not be copied. All
// methods may be called from any goroutine; what a putter did before Put is
// visible to the getter of the item.
//
// An item is handed over exactly once: a Get or Put that returns an error has
// neither taken nor stored one. The model is asyncio's Queue, with Close.
type Queue[T any] struct {
	name    string
	maxsize int
	watched atomic.Bool // by a meter

	mu      park.Mutex // guards the rest
	items   ring[item[T]]
	closed  bool
	putters park.Line // entries hold the item to put
	getters park.Line // entries take the item that is handed over
	spare   *entry[T] // entries for reuse
	spares  int
}

// item is a value with the context it was put in.
type item[T any] struct {
	value T
	from  park.Origin
}

// entry is a waiting putter's or getter's place in line.
type entry[T any] struct {
	park.Ticket
	item[T]
	closed bool // woken because the queue was closed
	next   *entry[T]
}

// maxSpares is how many entries a queue keeps for the next who wait.
const maxSpares = 16

// NewQueue returns an empty queue that holds at most maxsize items; not
// positive means unbounded.
func NewQueue[T any](maxsize int, opts ...Option) *Queue[T] {
	return &Queue[T]{name: nameOf(opts), maxsize: max(0, maxsize)}
}

// MaxSize returns how many items the queue holds at most, 0 if unbounded.
func (q *Queue[T]) MaxSize() int { return q.maxsize }

// Len returns how many items are in the queue now.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.n
}

// Empty reports whether there is no item in the queue now.
func (q *Queue[T]) Empty() bool { return q.Len() == 0 }

// Full reports whether a put would have to wait now; never, if unbounded.
func (q *Queue[T]) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.roomLocked()
}

func (q *Queue[T]) roomLocked() bool { return q.maxsize == 0 || q.items.n < q.maxsize }

// Put adds an item, waiting while the queue is full. It returns the
// cancellation of ctx, or [ErrQueueClosed]; then the item was not stored.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	mustHave(ctx, "Put")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = q.put(&op, item[T]{v, op.Origin()})
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
		t.Owner.(*entry[T]).item = it
		op.Wake(t)
		return true, nil
	}
	if !q.roomLocked() || q.putters.Len() > 0 {
		return false, nil
	}
	q.items.push(it)
	return true, nil
}

// TryPut adds an item, or returns [ErrQueueFull] if it would have to wait or
// [ErrQueueClosed]. It never blocks; ctx only places the span.
func (q *Queue[T]) TryPut(ctx context.Context, v T) error {
	mustHave(ctx, "TryPut")
	var op park.Op
	op.BeginTry(ctx)
	it := item[T]{v, op.Origin()}
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

// Get takes the oldest item, waiting while there is none. It returns the
// cancellation of ctx, or [ErrQueueClosed] when the queue is closed and empty.
func (q *Queue[T]) Get(ctx context.Context) (v T, err error) {
	mustHave(ctx, "Get")
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
		it = e.item
	}
	return it, q.release(e, err)
}

// tryGetLocked takes the oldest item and lets the putter in that waits longest.
func (q *Queue[T]) tryGetLocked(op *park.Op) (it item[T], done bool, err error) {
	if q.items.n == 0 {
		if q.closed {
			err = ErrQueueClosed
		}
		return it, false, err
	}
	it = q.items.pop()
	if t := q.putters.Serve(); t != nil {
		next := t.Owner.(*entry[T]).item
		next.from.Stored(op)
		q.items.push(next)
		op.Wake(t)
	}
	return it, true, nil
}

// TryGet takes the oldest item, or returns [ErrQueueEmpty] if there is none, or
// [ErrQueueClosed] if there will be none. It never blocks; ctx only places the
// span.
func (q *Queue[T]) TryGet(ctx context.Context) (v T, err error) {
	mustHave(ctx, "TryGet")
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

// Close ends the queue for putters: puts fail with [ErrQueueClosed], those that
// wait wake with it and their items are not stored. What is in the queue can
// still be taken; then gets fail too. Closing again does nothing.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
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

// CloseNow is [Queue.Close] and takes out what is left, oldest first.
func (q *Queue[T]) CloseNow() (dropped []T) {
	q.Close()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.items.n > 0 {
		dropped = append(dropped, q.items.pop().value)
	}
	q.items = ring[item[T]]{}
	return dropped
}

// entryLocked returns an entry to wait with.
func (q *Queue[T]) entryLocked() *entry[T] {
	e := q.spare
	if e == nil {
		e = new(entry[T])
		e.Owner = e
		return e
	}
	q.spare, e.next = e.next, nil
	q.spares--
	return e
}

// release gives an entry back after a wait, and tells a close from a hand-over.
func (q *Queue[T]) release(e *entry[T], err error) error {
	if err == nil && e.closed {
		err = ErrQueueClosed
	}
	e.item, e.closed = item[T]{}, false
	q.mu.Lock()
	if q.spares < maxSpares {
		e.next, q.spare = q.spare, e
		q.spares++
	}
	q.mu.Unlock()
	return err
}

// end records the operation.
func (q *Queue[T]) end(op *park.Op, kind string, from park.Origin, err error) {
	if m := op.Meter(); m != nil && q.watched.CompareAndSwap(false, true) {
		otelx.WatchQueue(m, (*measured[T])(q))
	}
	l := otelx.Leaf{Kind: kind, Name: q.name, On: q, Size: q.Len(), HasSize: true}
	l.Expected = errors.Is(err, ErrWouldBlock) || kind == "get" && err == ErrQueueClosed //nolint:errorlint // our own value
	from.Tell(&l)
	op.End(l, err)
}

// measured is a queue as its metrics see it.
type measured[T any] Queue[T]

// QueueLevel returns what is measured when metrics are collected.
func (m *measured[T]) QueueLevel() (name string, size, capacity int) {
	q := (*Queue[T])(m)
	return q.name, q.Len(), q.maxsize
}

// putting and getting are a queue as others wait for it.
type (
	putting[T any] Queue[T]
	getting[T any] Queue[T]
)

// Awaited names the queue in the live tree.
func (q *putting[T]) Awaited() park.Mark { return park.Mark{Kind: "queue.put", Name: q.name} }

// Label is what of that a trace needs.
func (q *putting[T]) Label() (kind, name string) { return "queue.put", q.name }

// Awaited names the queue in the live tree.
func (q *getting[T]) Awaited() park.Mark { return park.Mark{Kind: "queue.get", Name: q.name} }

// Label is what of that a trace needs.
func (q *getting[T]) Label() (kind, name string) { return "queue.get", q.name }
