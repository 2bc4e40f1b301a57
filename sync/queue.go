package sync

import (
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
func (m *measured[T]) QueueLevel() (name string, size, capacity int, over bool) {
	q := (*Queue[T])(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	size = q.lenLocked()
	return q.name, size, q.maxsize, q.closed && size == 0
}
