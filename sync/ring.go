package sync

// ring is a buffer that takes at one end and gives at both. It grows and shrinks
// with its content. What was taken out is not kept alive.
type ring[T any] struct {
	buf  []T // its length is a power of two, or 0
	head int
	n    int
}

// smallest is the capacity below which a ring does not shrink.
const smallest = 16

func (r *ring[T]) push(v T) {
	if r.n == len(r.buf) {
		r.resize(max(smallest, 2*len(r.buf)))
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

// at is the item that i others were pushed before.
func (r *ring[T]) at(i int) T { return r.buf[(r.head+i)&(len(r.buf)-1)] }

// pop takes the item that was pushed first.
func (r *ring[T]) pop() T {
	var zero T
	v := r.buf[r.head]
	r.buf[r.head] = zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	r.shrink()
	return v
}

// popLast takes the item that was pushed last.
func (r *ring[T]) popLast() T {
	var zero T
	last := &r.buf[(r.head+r.n-1)&(len(r.buf)-1)]
	v := *last
	*last = zero
	r.n--
	r.shrink()
	return v
}

// drop takes the n items that were pushed first.
func (r *ring[T]) drop(n int) {
	for range n {
		r.pop()
	}
}

// copyTo copies as many of the first items as fit.
func (r *ring[T]) copyTo(to []T) {
	k := copy(to, r.buf[r.head:min(len(r.buf), r.head+r.n)])
	copy(to[k:], r.buf)
}

func (r *ring[T]) shrink() {
	if len(r.buf) > smallest && r.n <= len(r.buf)/8 {
		r.resize(len(r.buf) / 2)
	}
}

func (r *ring[T]) resize(size int) {
	buf := make([]T, size)
	r.copyTo(buf[:r.n])
	r.buf, r.head = buf, 0
}
