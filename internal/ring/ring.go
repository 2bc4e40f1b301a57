// Package ring is a first-in first-out queue in one piece of memory.
package ring

// A Ring gives what was put in first. The zero Ring is empty and ready to use. It
// is guarded by the lock of the object that embeds it. What was taken out is not
// kept alive, and one that has become empty gives back the memory of a burst.
type Ring[T any] struct {
	// Keep is the size above which an empty Ring gives its memory back; 0 means
	// 64.
	Keep int

	buf   []T // its length is a power of two, or 0
	first int
	n     int
}

const (
	smallest = 8
	keep     = 64
)

// Len is the number of items.
func (r *Ring[T]) Len() int { return r.n }

// Push puts an item in.
func (r *Ring[T]) Push(v T) {
	if r.n == len(r.buf) {
		buf := make([]T, max(smallest, 2*len(r.buf)))
		k := copy(buf, r.buf[r.first:])
		copy(buf[k:], r.buf[:r.first])
		r.buf, r.first = buf, 0
	}
	r.buf[(r.first+r.n)&(len(r.buf)-1)] = v
	r.n++
}

// Pop takes the first item out. There must be one.
func (r *Ring[T]) Pop() T {
	if r.n == 0 {
		panic("ring: internal error: Pop of an empty Ring")
	}
	var zero T
	v := r.buf[r.first]
	r.buf[r.first] = zero
	r.first = (r.first + 1) & (len(r.buf) - 1)
	r.n--
	if r.n == 0 && len(r.buf) > keep && len(r.buf) > r.Keep {
		r.buf, r.first = nil, 0
	}
	return v
}
