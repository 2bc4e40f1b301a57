package sync

import (
	"time"

	"github.com/corral-go/corral/internal/park"
)

// mostSorted is of how many items of a priority queue the oldest is looked for
// by who looks at the live tree.
const mostSorted = 10_000

// Level is how the queue stands, for who looks at the live tree. Unlike
// [Queue.Stats] it changes nothing: a queue that does not look at the clock
// still does not.
func (m *measured[T]) Level(look park.Look) park.Level {
	q := (*Queue[T])(m)
	l := park.Level{Kind: "queue", Name: q.name}
	if !look(&q.mu) {
		l.Locked = true
		return l
	}
	l.Size, l.Capacity, l.Peak = q.lenLocked(), q.maxsize, q.peak
	l.Waiting = q.putters.Len() + q.getters.Len()
	known := q.times.n > 0
	oldest := int64(0) // may be negative
	if known {
		oldest = q.times.at(0)
	}
	var heap *node[T]
	if q.sorted != nil && q.timed && l.Size <= mostSorted {
		heap = q.sorted.heap
	}
	asked := q.asked
	q.mu.Unlock()
	if heap != nil { // it does not change
		known, oldest = true, heap.oldest().at
		if asked != 0 {
			oldest = max(oldest, asked)
		}
	}
	if known && l.Size > 0 {
		l.Oldest = time.Duration(max(0, queueClock()-oldest))
	}
	return l
}

// Level is how the limiter stands, for who looks at the live tree.
func (m *measuredLimiter) Level(look park.Look) park.Level {
	l := (*CapacityLimiter)(m)
	if !look(&l.mu) {
		return park.Level{Kind: "limiter", Name: l.name, Locked: true}
	}
	defer l.mu.Unlock()
	return park.Level{Kind: "limiter", Name: l.name, Size: l.borrowedLocked(), Capacity: l.total, Waiting: l.line.Len()}
}
