package sync

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// A Queue passes items from any number of putters to any number of getters:
// first in first out, or in the order of [NewPriorityQueue] or [NewStack]. A
// bounded one makes putters wait while it is full. The zero Queue is unbounded,
// first in first out, and has no name. A Queue must not be copied. All methods
// may be called from any goroutine; what a putter did before Put is visible to
// the getter of the item.
//
// An item is handed over exactly once: a Get or Put that returns an error has
// neither taken nor stored one. An item that is put while getters wait goes to
// the one that waits longest; one that waits to be put enters as soon as there
// is room. The model is asyncio's Queue, with Close.
type Queue[T any] struct {
	name    string
	maxsize int
	watched atomic.Bool // by a meter
	lifo    bool        // it is a stack
	sorted  *sorted[T]  // of a priority queue, or nil

	mu      park.Mutex    // guards the rest
	items   ring[item[T]] // of a priority queue: those that were not sorted in yet
	times   ring[int64]   // when each was put, if it is timed
	timed   bool
	closed  bool
	putters park.Line // entries hold the item to put
	getters park.Line // entries take the item that is handed over
	joiners park.Line
	spare   *entry[T] // entries for reuse
	spares  int
	counts
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
	take   *take[T] // that the getter was given to see to, instead of an item
	closed bool     // woken because the queue was closed
	next   *entry[T]
}

// maxSpares is how many entries a queue keeps for the next who wait.
const maxSpares = 16

// NewQueue returns an empty queue that holds at most maxsize items; not
// positive means unbounded.
func NewQueue[T any](maxsize int, opts ...Option) *Queue[T] {
	name := nameOf(opts)
	return &Queue[T]{name: name, maxsize: max(0, maxsize), timed: name != ""}
}

// MaxSize returns how many items the queue holds at most, 0 if unbounded.
func (q *Queue[T]) MaxSize() int { return q.maxsize }

// Len returns how many items are in the queue now.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lenLocked()
}

// Empty reports whether there is no item in the queue now.
func (q *Queue[T]) Empty() bool { return q.Len() == 0 }

// Full reports whether a put would have to wait now; never, if unbounded.
func (q *Queue[T]) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.roomLocked()
}

func (q *Queue[T]) lenLocked() int {
	if q.sorted != nil {
		return q.items.n + q.sorted.lenLocked()
	}
	return q.items.n
}

func (q *Queue[T]) roomLocked() bool { return q.maxsize == 0 || q.lenLocked() < q.maxsize }

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
	if !q.roomLocked() || q.putters.Len() > 0 {
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
// was taken.
func (q *Queue[T]) admitLocked(op *park.Op) {
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
	e.item, e.take, e.closed = item[T]{}, nil, false
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

// putting, getting and joining are a queue as others wait for it.
type (
	putting[T any] Queue[T]
	getting[T any] Queue[T]
	joining[T any] Queue[T]
)

// Awaited names the queue in the live tree.
func (q *putting[T]) Awaited() park.Mark {
	return park.Mark{Kind: "queue.put", Name: q.name, Waiters: lenOf(&q.mu, &q.putters)}
}

// Label is what of that a trace needs.
func (q *putting[T]) Label() (kind, name string) { return "queue.put", q.name }

// Awaited names the queue in the live tree.
func (q *getting[T]) Awaited() park.Mark {
	return park.Mark{Kind: "queue.get", Name: q.name, Waiters: lenOf(&q.mu, &q.getters)}
}

// Label is what of that a trace needs.
func (q *getting[T]) Label() (kind, name string) { return "queue.get", q.name }

// Awaited names the queue in the live tree.
func (q *joining[T]) Awaited() park.Mark {
	return park.Mark{Kind: "queue.join", Name: q.name, Waiters: lenOf(&q.mu, &q.joiners)}
}

// Label is what of that a trace needs.
func (q *joining[T]) Label() (kind, name string) { return "queue.join", q.name }
