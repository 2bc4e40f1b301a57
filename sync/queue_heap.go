package sync

// node is a node of a leftist heap: the least item is at the top, and the right
// path is short. A node never changes once it was made: a heap is changed by
// making new ones along one path, so that several goroutines can work on the
// same heap without a lock.
type node[T any] struct {
	item        item[T]
	number      uint64 // of the item, in the order of puts: ties go by it
	at          int64  // when it was put, if that is known
	rank        int    // length of the right path
	left, right *node[T]
}

func rankOf[T any](n *node[T]) int {
	if n == nil {
		return 0
	}
	return n.rank
}

// merge returns a heap of the items of both.
func merge[T any](less func(a, b T) bool, a, b *node[T]) *node[T] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case comesBefore(less, b, a):
		a, b = b, a
	}
	left, right := a.left, merge(less, a.right, b)
	if rankOf(left) < rankOf(right) {
		left, right = right, left
	}
	return &node[T]{item: a.item, number: a.number, at: a.at, rank: rankOf(right) + 1, left: left, right: right}
}

// comesBefore asks the user once.
func comesBefore[T any](less func(a, b T) bool, a, b *node[T]) bool {
	if a.number < b.number {
		return !less(b.item.value, a.item.value)
	}
	return less(a.item.value, b.item.value)
}

// mergeAll returns a heap of all the items, in linear time if the heaps have one
// each. It uses up the slice.
func mergeAll[T any](less func(a, b T) bool, heaps []*node[T]) *node[T] {
	if len(heaps) == 0 {
		return nil
	}
	for len(heaps) > 1 {
		half := (len(heaps) + 1) / 2
		for i := range len(heaps) / 2 {
			heaps[i] = merge(less, heaps[2*i], heaps[2*i+1])
		}
		if len(heaps)%2 == 1 {
			heaps[half-1] = heaps[len(heaps)-1]
		}
		heaps = heaps[:half]
	}
	return heaps[0]
}
