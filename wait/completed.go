package wait

import (
	"context"
	"iter"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/task"
)

// AsCompleted goes through aws in the order in which they end: the index in aws
// and the thing itself, each thing once; those that are done at the start come
// first, in their own order. The loop ends when all have come, or when ctx is
// cancelled (ask scope.CauseOf which), or in a task that is itself among those
// that are left. Leaving it early cancels nothing and leaves nothing behind.
// Every range over the result begins anew. It panics if ctx or one of aws is
// nil. It is asyncio.as_completed.
func AsCompleted[A task.Awaitable](ctx context.Context, aws []A) iter.Seq2[int, A] {
	if ctx == nil {
		panic("wait: AsCompleted with a nil ctx: pass the ctx of the scope or task that waits")
	}
	subjects("AsCompleted", new(group), aws) // refuses nil here, and not first where the loop is
	return func(yield func(int, A) bool) {
		g := new(group)
		subjects("AsCompleted", g, aws)
		g.look()
		defer g.leave()
		g.join()
		for n := range g.subjects {
			s := g.next(ctx, n)
			if s == nil || !yield(s.index, aws[s.index]) {
				return
			}
		}
	}
}

// next waits until more than n subjects are done, and returns number n of them,
// or nil if ctx is cancelled.
func (g *group) next(ctx context.Context, n int) *subject {
	var op park.Op
	err := begin("AsCompleted", &op, ctx)
	arrived := func() bool { return len(g.order) > n }
	switch {
	case err != nil:
	case !g.peek(arrived) && g.inside(op.Place()):
		err = errSelfWait
	default:
		err = g.await(&op, arrived, 0)
	}
	g.end(&op, err)
	if err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.order[n]
}

func (g *group) peek(holds func() bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return holds()
}
