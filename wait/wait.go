package wait

import (
	"context"
	"slices"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/task"
)

// Wait waits for tasks, futures, children, contexts and whatever else ends
// once, until all are done or as the options say, and returns what is done by
// then and what is not: both in the order of aws, each thing once. It never
// changes, cancels or consumes what it watches: a pending task that fails later
// fails its scope as if nobody had waited.
//
// A [Timeout] is not an error. If ctx is cancelled, also before the call, err
// is the cancellation, and done and pending are filled in all the same. With
// nothing in aws it returns [ErrNothingToWait], and in a task that is itself
// among them an error, both at once. It panics if ctx or one of aws is nil. It
// is asyncio.wait.
//
// Waiting for any number of our own things starts no goroutine. A context, and
// anything else, costs one until Wait returns.
func Wait[A task.Awaitable](ctx context.Context, aws []A, opts ...Option) (done, pending []A, err error) {
	mustHave(ctx, "Wait")
	cfg := configure(opts)
	g := new(group)
	subjects("Wait", g, aws)
	var op park.Op
	canceled := op.Begin(ctx)
	told := false
	defer func() {
		if !told {
			g.end(&op, errNoReturn)
		}
	}()
	err = g.wait(&op, canceled, cfg)
	told = true
	g.end(&op, err)
	done, pending = split(g, aws)
	return done, pending, err
}

func (g *group) wait(op *park.Op, canceled error, cfg config) error {
	switch {
	case len(g.subjects) == 0:
		return ErrNothingToWait
	case canceled != nil:
		return canceled
	case g.inside(op.Place()):
		return errSelfWait
	}
	g.enough, g.orFailed = len(g.subjects), cfg.until == FirstException
	if cfg.until == FirstCompleted {
		g.enough = 1
	}
	if g.look() || cfg.timed && cfg.timeout <= 0 {
		return nil
	}
	defer g.leave()
	g.join()
	return g.await(op, cfg.timeout)
}

// split sorts the subjects into those that are done by now, and the others.
func split[A task.Awaitable](g *group, aws []A) (done, pending []A) {
	n := 0
	for i := range g.subjects { // nobody tells any more
		s := &g.subjects[i]
		if s.told = s.told || s.done(); s.told {
			n++
		}
	}
	done, pending = slices.Grow(done, n), slices.Grow(pending, len(g.subjects)-n)
	for i := range g.subjects {
		s := &g.subjects[i]
		if s.told {
			done = append(done, aws[s.index])
		} else {
			pending = append(pending, aws[s.index])
		}
	}
	return done, pending
}
