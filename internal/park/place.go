package park

import (
	"context"
	"sync"
	"time"

	"github.com/corral-go/corral/otelx"
)

// A Place is a position in the tree as a context carries it: the body of a
// scope, or a task. It does not change once its ctx has been handed out.
type Place struct {
	Ctx    context.Context // the ctx of this place
	Strand *Strand         // the line of execution that runs here
	Tracer *otelx.Tracer   // nil: nothing is recorded here
	Owner  any             // the *scope.Scope or *scope.Child
}

type placeKey struct{}

// Key is the key under which a context of ours answers with its *[Place].
var Key any = placeKey{}

// PlaceOf returns the innermost place of ctx, or nil.
func PlaceOf(ctx context.Context) *Place {
	p, _ := ctx.Value(Key).(*Place)
	return p
}

// governs reports whether ctx is cancelled exactly when p is, so that poking
// p's strand is enough to end a wait under ctx.
func (p *Place) governs(ctx context.Context) bool {
	return ctx == p.Ctx || ctx.Done() == p.Ctx.Done()
}

// Awaited is what can be waited for, as the live tree shows it.
type Awaited interface {
	// Awaited describes the wait. It is called by whoever looks, with no lock
	// of this package held.
	Awaited() Mark
}

// Mark describes a wait: a kind like "queue.get", a name, and who can end it.
type Mark struct {
	Kind    string
	Name    string
	Holders []string
}

// A Strand is one line of execution with its one waiter, and the mark of what
// it waits for.
type Strand struct {
	Waiter

	mu    sync.Mutex // guards the mark, held for a few instructions only
	what  Awaited
	since time.Time
	ctx   context.Context
}

func (s *Strand) mark(ctx context.Context, what Awaited, now time.Time) {
	s.mu.Lock()
	s.ctx, s.what, s.since = ctx, what, now
	s.mu.Unlock()
}

// Waiting returns what the strand waits for (nil: nothing), since when, and
// under which ctx (nil: it cannot be cancelled).
func (s *Strand) Waiting() (what Awaited, since time.Time, ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.what, s.since, s.ctx
}

// Poke ends the strand's wait if the place it waits in has been cancelled. The
// caller has cancelled a context before; poking a strand that waits for
// something else, or not at all, does nothing.
func (s *Strand) Poke() {
	state := s.state.Load()
	if state&phaseMask != parked {
		return
	}
	p := s.place.Load()
	if p == nil || p.Ctx.Err() == nil {
		return
	}
	if s.state.CompareAndSwap(state, state&^phaseMask|canceled) {
		s.wake()
	}
}
