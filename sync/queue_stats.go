package sync

import "time"

// QueueStats is a queue in one moment.
type QueueStats struct {
	Name           string
	Len, MaxSize   int
	Peak           int // the most items there ever were in it
	WaitingPutters int
	WaitingGetters int
	Unfinished     int    // items put and not marked as done, see [Queue.Join]
	Puts, Gets     uint64 // so far
	Closed         bool
	// OldestAge is how long the oldest item has been in the queue, 0 if there is
	// none. The age of what was put into a queue without a name, before its
	// Stats was first called, counts from that call: until somebody asks, such a
	// queue does not look at the clock.
	OldestAge time.Duration
}

// counts are what a queue counts. Guarded by its mu.
type counts struct {
	puts, gets, done uint64
	peak             int
	asked            int64 // when it began to be timed; 0: it always was
}

// Stats returns how the queue stands now. Of a priority queue it looks at every
// item.
func (q *Queue[T]) Stats() QueueStats {
	now := queueClock()
	q.mu.Lock()
	q.timeLocked(now)
	s := QueueStats{
		Name: q.name, Len: q.lenLocked(), MaxSize: q.maxsize, Peak: q.peak,
		WaitingPutters: q.putters.Len(), WaitingGetters: q.getters.Len(),
		Unfinished: int(q.puts - q.done), Puts: q.puts, Gets: q.gets, Closed: q.closed,
	}
	oldest := now
	if q.times.n > 0 {
		oldest = q.times.at(0)
	}
	var heap *node[T]
	if q.sorted != nil {
		heap = q.sorted.heap
	}
	asked := q.asked
	q.mu.Unlock()
	if heap != nil { // it does not change
		oldest = max(heap.oldest().at, asked)
	}
	if s.Len > 0 {
		s.OldestAge = time.Duration(max(0, now-oldest))
	}
	return s
}

// timeLocked has the queue look at the clock from now on.
func (q *Queue[T]) timeLocked(now int64) {
	if q.timed {
		return
	}
	q.timed, q.asked = true, now
	for range q.items.n {
		q.times.push(now)
	}
}

// oldest returns the node of the item that was put first. It looks at all.
func (n *node[T]) oldest() *node[T] {
	first := n
	for todo := []*node[T]{n}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n.number < first.number {
			first = n
		}
		for _, child := range []*node[T]{n.left, n.right} {
			if child != nil {
				todo = append(todo, child)
			}
		}
	}
	return first
}

var started = time.Now()

// queueClock is a point in time: the monotonic clock alone, which is half of
// what time.Now costs.
func queueClock() int64 { return int64(time.Since(started)) }
