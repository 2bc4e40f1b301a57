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
	mustHave(ctx, "AsCompleted")
	subjects("AsCompleted", new(group), aws) // refuses nil here, and not first where the loop is
	return func(yield func(int, A) bool) {
		g := new(group)
		subjects("AsCompleted", g, aws)
		g.look()
		defer g.leave()
		g.join()
		var s *subject
		for range g.subjects {
			if s = g.after(ctx, s); s == nil || !yield(s.index, s.aw.(A)) {
				return
			}
		}
	}
}

// after waits for the subject that tells after s, or for the first one if s is
// nil. It returns nil if ctx is cancelled.
func (g *group) after(ctx context.Context, s *subject) *subject {
	var op park.Op
	err := op.Begin(ctx)
	g.mu.Lock()
	g.enough++
	there := g.holdsLocked()
	g.mu.Unlock()
	switch {
	case err != nil:
	case there:
	case g.inside(op.Place()):
		err = errSelfWait
	default:
		err = g.await(&op, 0)
	}
	g.end(&op, err)
	if err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s == nil {
		return g.first
	}
	return s.next
}
