package sync

import (
	"context"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// TaskDone says that an item that was taken has been dealt with. It returns
// [ErrTooManyDone], and changes nothing, if that was said of every item put so
// far.
func (q *Queue[T]) TaskDone() error { return q.taskDone(nil) }

// taskDone is TaskDone on behalf of a strand, or nil.
func (q *Queue[T]) taskDone(by *park.Strand) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done == q.puts {
		return ErrTooManyDone
	}
	q.doneLocked(1, by)
	return nil
}

// doneLocked marks n items, and wakes who waits for the last one.
func (q *Queue[T]) doneLocked(n int, by *park.Strand) {
	q.done += uint64(n)
	if q.done == q.puts {
		q.joiners.ServeAllBy(by)
	}
}

// Join waits until every item ever put is marked as done, by [Queue.TaskDone]
// or because [Queue.CloseNow] has dropped it. It returns nil, at once if nothing
// was put, or the cancellation of ctx. Any number of callers may wait. It
// panics if ctx is nil. It is the join of Python's queue.
func (q *Queue[T]) Join(ctx context.Context) error {
	mustHave(ctx, "Queue.Join")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = q.join(&op)
	}
	if op.Traced() {
		op.End(otelx.Leaf{Kind: "await", Name: q.name}, err)
	}
	return err
}

func (q *Queue[T]) join(op *park.Op) error {
	q.mu.Lock()
	if q.done == q.puts {
		q.mu.Unlock()
		return nil
	}
	var t park.Ticket
	return op.Wait(&q.mu, &q.joiners, &t, (*joining[T])(q))
}
