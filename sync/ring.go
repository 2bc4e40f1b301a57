package sync

// ring is a first-in first-out buffer that grows and shrinks with its content.
// What was taken out is not kept alive.
type ring[T any] struct {
	buf   []T // its length is a power of two, or 0
	first int
	n     int
}

// smallest is the capacity below which a ring does not shrink.
const smallest = 16

func (r *ring[T]) push(v T) {
	if r.n == len(r.buf) {
		r.resize(max(smallest, 2*len(r.buf)))
	}
	r.buf[(r.first+r.n)&(len(r.buf)-1)] = v
	r.n++
}

func (r *ring[T]) pop() T {
	var zero T
	v := r.buf[r.first]
	r.buf[r.first] = zero
	r.first = (r.first + 1) & (len(r.buf) - 1)
	r.n--
	if len(r.buf) > smallest && r.n <= len(r.buf)/8 {
		r.resize(len(r.buf) / 2)
	}
	return v
}

func (r *ring[T]) resize(size int) {
	buf := make([]T, size)
	k := copy(buf, r.buf[r.first:min(len(r.buf), r.first+r.n)])
	copy(buf[k:], r.buf[:r.n-k])
	r.buf, r.first = buf, 0
}
