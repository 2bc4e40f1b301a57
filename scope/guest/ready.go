package guest

import "github.com/corral-go/corral/internal/executor"

// item is what stands in the queue of a loop: a coroutine that goes on, or a
// job that begins.
type item struct {
	co  *coroutine
	job executor.Job
}

// ready is a first-in first-out queue.
type ready struct {
	buf   []item // its length is a power of two, or 0
	first int
	n     int
}

// keep is the size above which an empty queue gives its memory back.
const keep = 1024

func (q *ready) push(it item) {
	if q.n == len(q.buf) {
		buf := make([]item, max(8, 2*len(q.buf)))
		k := copy(buf, q.buf[q.first:])
		copy(buf[k:], q.buf[:q.first])
		q.buf, q.first = buf, 0
	}
	q.buf[(q.first+q.n)&(len(q.buf)-1)] = it
	q.n++
}

func (q *ready) pop() item {
	it := q.buf[q.first]
	q.buf[q.first] = item{}
	q.first = (q.first + 1) & (len(q.buf) - 1)
	q.n--
	if q.n == 0 && len(q.buf) > keep {
		q.buf, q.first = nil, 0
	}
	return it
}
