package scope

import (
	"context"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

func init() {
	seam.OpenOn = func(ctx context.Context, scope any, r executor.Runner, fn uintptr) (seam.Guest, error) {
		s := scope.(*Scope)
		s.exec = r
		return (*guest)(s), s.enter(ctx, fn)
	}
}

// guest is the scope of a guest run, as package guest sees it.
type guest Scope

// Strand is what the body waits with.
func (g *guest) Strand() *park.Strand { return &g.strand }

// RunBody runs the body to the scope's end.
func (g *guest) RunBody(body func(ctx context.Context) error) error { return (*Scope)(g).run(body) }

// Verdict is what Run would have returned or raised.
func (g *guest) Verdict() error {
	s := (*Scope)(g)
	s.mu.Lock()
	err, raised := s.verdictLocked(false)
	s.mu.Unlock()
	if raised != nil {
		return raised
	}
	return err
}

// Lose takes the scope out of the tree as it is. Whoever is in it is never
// heard of again.
func (g *guest) Lose(err error) {
	s := (*Scope)(g)
	s.mu.Lock()
	s.cause, s.settled = s.causeLocked(), true
	s.failed.add(Failure{Err: err})
	s.unhookLocked()
	s.phase = closed
	s.mu.Unlock()
	s.close(err, nil)
}

// Strand is what the task waits with.
func (r *runner) Strand() *park.Strand { return &r.strand }

// Owner is the task.
func (r *runner) Owner() any { return (*Child)(r) }
