package sync

import "github.com/corral-go/corral/internal/park"

// putting, getting and joining are a queue as others wait for it.
type (
	putting[T any] Queue[T]
	getting[T any] Queue[T]
	joining[T any] Queue[T]
)

// Awaited names the queue in the live tree.
func (q *putting[T]) Awaited() park.Mark {
	return park.Mark{Kind: "queue.put", Name: q.name, Waiters: lenOf(&q.mu, &q.putters)}
}

// Label is what of that a trace needs.
func (q *putting[T]) Label() (kind, name string) { return "queue.put", q.name }

// Awaited names the queue in the live tree.
func (q *getting[T]) Awaited() park.Mark {
	return park.Mark{Kind: "queue.get", Name: q.name, Waiters: lenOf(&q.mu, &q.getters)}
}

// Label is what of that a trace needs.
func (q *getting[T]) Label() (kind, name string) { return "queue.get", q.name }

// Awaited names the queue in the live tree.
func (q *joining[T]) Awaited() park.Mark {
	return park.Mark{Kind: "queue.join", Name: q.name, Waiters: lenOf(&q.mu, &q.joiners)}
}

// Label is what of that a trace needs.
func (q *joining[T]) Label() (kind, name string) { return "queue.join", q.name }
