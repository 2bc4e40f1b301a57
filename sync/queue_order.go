package sync

// NewPriorityQueue returns an empty queue that gives the least item first, as
// less says, and among equal ones the one that was put first. It holds at most
// maxsize items; not positive means unbounded. It panics if less is nil.
//
// less has to be a strict weak ordering that does not change while an item is
// in the queue. It is called by gets and by CloseNow only, never by a put; with
// nothing locked; on the goroutine of any of them, also for items that go to
// another one, and of several at the same time. Other calls do not wait for it.
// If it panics, so does that call: it has taken nothing, no item is lost, and
// the queue can be used.
//
// A put costs what it costs in any queue. A get sorts in what was put since the
// last one, and makes new nodes where the order changes: of the order of log n
// comparisons and allocations. Several getters at the same time may do that
// work more than once.
func NewPriorityQueue[T any](maxsize int, less func(a, b T) bool, opts ...Option) *Queue[T] {
	if less == nil {
		panic("sync: NewPriorityQueue with a nil function: pass what says which of two items comes first")
	}
	q := NewQueue[T](maxsize, opts...)
	q.sorted = &sorted[T]{less: less}
	return q
}

// NewStack returns an empty queue that gives the item first that was put last.
// It holds at most maxsize items; not positive means unbounded. It is asyncio's
// LifoQueue.
func NewStack[T any](maxsize int, opts ...Option) *Queue[T] {
	q := NewQueue[T](maxsize, opts...)
	q.lifo = true
	return q
}
