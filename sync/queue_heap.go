package sync

// node is a node of a leftist heap: the least item is at the top, and the right
// path is short. A node never changes once it was made: a heap is changed by
// making new ones along one path, so that several goroutines can work on the
// same heap without a lock.
type node[T any] struct {
	item        item[T]
	number      uint64 // of the item, in the order of puts: ties go by it
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
	return &node[T]{item: a.item, number: a.number, rank: rankOf(right) + 1, left: left, right: right}
}

// comesBefore asks the user once.
func comesBefore[T any](less func(a, b T) bool, a, b *node[T]) bool {
	if a.number < b.number {
		return !less(b.item.value, a.item.value)
	}
	return less(a.item.value, b.item.value)
}

// heapOf returns a heap of the items, in linear time. The first one's number is
// given, the others count on.
func heapOf[T any](less func(a, b T) bool, items []item[T], number uint64) *node[T] {
	if len(items) == 0 {
		return nil
	}
	heaps := make([]*node[T], len(items))
	for i := range items {
		heaps[i] = &node[T]{item: items[i], number: number + uint64(i), rank: 1}
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
