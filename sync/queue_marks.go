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
	return (*measured[T])(q).marked(look, "queue.put", &q.putters)
}

// Awaited names the queue in the live tree.
func (q *getting[T]) Awaited(look park.Look) park.Mark {
	return (*measured[T])(q).marked(look, "queue.get", &q.getters)
}

// Awaited names the queue in the live tree.
func (q *joining[T]) Awaited(look park.Look) park.Mark {
	return (*measured[T])(q).marked(look, "queue.join", &q.joiners)
}

func (m *measured[T]) marked(look park.Look, kind string, line *park.Line) park.Mark {
	mark := marked(look, kind, m.name, &m.mu, line)
	if look != nil {
		mark.Object = m
	}
	return mark
}
