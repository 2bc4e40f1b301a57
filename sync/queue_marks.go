package sync

import "github.com/corral-go/corral/internal/park"

// putting, getting and joining are a queue as others wait for it.
type (
	putting[T any] Queue[T]
	getting[T any] Queue[T]
	joining[T any] Queue[T]
)

// Awaited names the queue in the live tree.
func (q *putting[T]) Awaited(look park.Look) park.Mark {
	return marked(look, "queue.put", q.name, &q.mu, &q.putters)
}

// Awaited names the queue in the live tree.
func (q *getting[T]) Awaited(look park.Look) park.Mark {
	return marked(look, "queue.get", q.name, &q.mu, &q.getters)
}

// Awaited names the queue in the live tree.
func (q *joining[T]) Awaited(look park.Look) park.Mark {
	return marked(look, "queue.join", q.name, &q.mu, &q.joiners)
}
