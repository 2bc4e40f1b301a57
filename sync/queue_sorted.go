package sync

import (
	"slices"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
)

// sorted is what a priority queue has beside the rest. The user's function must
// not run under our lock, and whoever is in it must not keep the others from
// going on. So:
//
//   - A put appends to the ring of the queue, like in any other queue.
//   - A get, under the lock, notes a take: "the least of what is there now". At
//     that moment it has happened, as far as the others can see: the queue is
//     shorter by one, and the next putter enters. It remains to find out which
//     item that was.
//   - That follows from what is in the heap and the ring and from the takes noted
//     before. The getter works it out without the lock, on nodes that do not
//     change, for its own take and for those before it. Back under the lock it
//     makes that the state of the queue, unless another getter was faster, which
//     then has seen to its take or at least to earlier ones.
//
// So every round of work settles at least one take, or was made by one that is
// settled; a getter that is stuck in the user's function holds up nobody.
//
// Everything but less is guarded by the queue's mu.
type sorted[T any] struct {
	less    func(a, b T) bool
	heap    *node[T]
	size    int        // of the heap
	number  uint64     // of the first item in the ring; those before were sorted in
	takes   []*take[T] // not settled, oldest first
	version uint64     // changes with heap, and when a take is given up
}

// take is a get of which it is not known yet which item it gets.
type take[T any] struct {
	before  uint64 // it gets one of those with a lower number
	found   *node[T]
	settled atomic.Bool // written under mu, after found
}

// lenLocked is how many items are in the heap, less those that were taken from
// the queue and not found yet.
func (s *sorted[T]) lenLocked() int { return s.size - len(s.takes) }

// chooseLocked takes the least item. It lets go of the lock while it works, and
// has it again when it returns, but not when it panics. The queue is not empty.
func (q *Queue[T]) chooseLocked(op *park.Op) item[T] {
	t := q.noteLocked()
	op.Wake(q.admitLocked(op))
	q.settleLocked(op, t)
	return t.found.item
}

// noteLocked makes the queue shorter by its least item, whichever that is.
func (q *Queue[T]) noteLocked() *take[T] {
	s := q.sorted
	t := &take[T]{before: s.number + uint64(q.items.n)}
	s.takes = append(s.takes, t)
	return t
}

// settleLocked settles a take, or else gives it up and records the get, of which
// its caller will not hear (R82).
func (q *Queue[T]) settleLocked(op *park.Op, t *take[T]) {
	over := false
	defer func() {
		if over {
			return
		}
		q.giveUp(op, t)
		if op.Traced() {
			q.end(op, "get", park.Origin{}, errNoReturn)
		}
	}()
	q.findLocked(t)
	over = true
}

// findLocked settles a take and those before it. It lets go of the lock while it
// works, and has it again when it returns, but not when it panics.
func (q *Queue[T]) findLocked(t *take[T]) {
	s := q.sorted
	for !t.settled.Load() {
		w, version := q.workLocked(t), s.version
		q.mu.Unlock()
		w.do(s.less)
		q.mu.Lock()
		if s.version == version {
			q.adoptLocked(w)
		}
	}
}

// work is to find the items of some takes.
type work[T any] struct {
	takes []*take[T] // the last one is the getter's own
	first uint64     // number of the first of items
	items []item[T]  // those that were not sorted in, in the order of puts
	times []int64    // theirs, if they are timed
	heap  *node[T]
	found []*node[T] // for each take
}

// workLocked notes what has to be done to settle t.
func (q *Queue[T]) workLocked(t *take[T]) *work[T] {
	s := q.sorted
	w := &work[T]{
		takes: slices.Clone(s.takes[:slices.Index(s.takes, t)+1]),
		first: s.number,
		items: make([]item[T], t.before-s.number),
		heap:  s.heap,
	}
	q.items.copyTo(w.items)
	if q.timed {
		w.times = make([]int64, len(w.items))
		q.times.copyTo(w.times)
	}
	return w
}

// do does it, unless somebody else has settled the take meanwhile.
func (w *work[T]) do(less func(a, b T) bool) {
	own := w.takes[len(w.takes)-1]
	nodes, done := w.nodes(), 0
	for _, t := range w.takes {
		if own.settled.Load() {
			return
		}
		seen := int(t.before - w.first)
		w.heap = merge(less, w.heap, mergeAll(less, nodes[done:seen]))
		done = seen
		w.found = append(w.found, w.heap)
		w.heap = merge(less, w.heap.left, w.heap.right)
	}
}

func (w *work[T]) nodes() []*node[T] {
	nodes := make([]*node[T], len(w.items))
	for i := range nodes {
		nodes[i] = &node[T]{item: w.items[i], number: w.first + uint64(i), rank: 1}
		if w.times != nil {
			nodes[i].at = w.times[i]
		}
	}
	return nodes
}

// adoptLocked makes the result of some work the state of the queue.
func (q *Queue[T]) adoptLocked(w *work[T]) {
	s := q.sorted
	for i, t := range w.takes {
		t.found = w.found[i]
		t.settled.Store(true)
	}
	s.heap = w.heap
	s.size += len(w.items) - len(w.takes)
	s.number += uint64(len(w.items))
	s.takes = slices.Delete(s.takes, 0, len(w.takes))
	s.version++
	q.items.drop(len(w.items))
	if q.timed {
		q.times.drop(len(w.items))
	}
}

// giveUp undoes a take whose getter does not return: the user's function has
// panicked, or ended the goroutine. If it is settled, its item goes back. Room
// that the take has made may be filled by now: the queue is longer then by one
// than it may be, until the next take.
func (q *Queue[T]) giveUp(op *park.Op, t *take[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.sorted
	s.version++
	if i := slices.Index(s.takes, t); i >= 0 {
		s.takes = slices.Delete(s.takes, i, i+1)
	}
	next := q.getters.Serve() // there is one only if the queue was empty
	switch {
	case next == nil && t.settled.Load():
		q.putBackLocked(t)
	case next == nil:
		q.gets--
	case t.settled.Load():
		next.Owner.(*entry[T]).item = t.found.item
	default:
		again := &take[T]{before: s.number + uint64(q.items.n)}
		s.takes = append(s.takes, again)
		next.Owner.(*entry[T]).take = again
	}
	op.Wake(next)
}

// putBackLocked undoes a take that was settled. Among equal ones the item comes
// last now.
func (q *Queue[T]) putBackLocked(t *take[T]) {
	q.gets--
	q.items.push(t.found.item)
	if q.timed {
		q.times.push(t.found.at)
	}
	q.peak = max(q.peak, q.lenLocked())
}

// inherit sees to a take that another getter has given up, for one that waited.
func (q *Queue[T]) inherit(op *park.Op, e *entry[T]) (item[T], error) {
	t := e.take
	err := q.release(e, nil)
	q.mu.Lock()
	q.settleLocked(op, t)
	q.mu.Unlock()
	return t.found.item, err
}
