package executor

// jobs is a first-in first-out queue.
type jobs struct {
	buf   []Job // its length is a power of two, or 0
	first int
	n     int
}

// keep is the size above which an empty queue gives its memory back.
const keep = 64

func (q *jobs) push(j Job) {
	if q.n == len(q.buf) {
		buf := make([]Job, max(4, 2*len(q.buf)))
		k := copy(buf, q.buf[q.first:])
		copy(buf[k:], q.buf[:q.first])
		q.buf, q.first = buf, 0
	}
	q.buf[(q.first+q.n)&(len(q.buf)-1)] = j
	q.n++
}

func (q *jobs) pop() Job {
	j := q.buf[q.first]
	q.buf[q.first] = nil
	q.first = (q.first + 1) & (len(q.buf) - 1)
	q.n--
	if q.n == 0 && len(q.buf) > keep {
		q.buf, q.first = nil, 0
	}
	return j
}
