package testkit

import (
	"context"
	"fmt"
	"sync"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// A Sequencer has steps happen in the order of their numbers, whoever makes
// them, to test one exact interleaving of several tasks:
//
//	first task    seq.Step(ctx, 0); a(); seq.Step(ctx, 2); c()
//	second task   seq.Step(ctx, 1); b()
//
// runs a, b, c. Steps count from 0, and each is made once. All methods may be
// called from any goroutine. The model is Trio's Sequencer.
type Sequencer struct {
	mu    sync.Mutex // guards the rest
	next  int        // the step that begins next
	owner *step      // who makes the one before, until that is over
	line  map[int]*step
}

// NewSequencer returns a Sequencer whose next step is 0.
func NewSequencer() *Sequencer { return &Sequencer{line: map[int]*step{}} }

// step is one step, from the call of Step until it is over.
type step struct {
	q      *Sequencer
	n      int
	strand *park.Strand // the caller's line of execution; nil outside scopes
	path   string       // and its name
	ticket park.Ticket
	line   park.Line // the caller, waiting for its turn
	watch  park.Watch
	latch  *park.Latch
	stop   func() bool
}

// Step waits until step n-1 is over, and begins step n. A step is over when the
// task that made it makes another, waits in a call of this module, or ends; a
// step made outside every scope is over at once. In the body of a root scope, its end is
// that of the scope.
//
// It returns the cancellation of ctx, and the step was not made then; or an
// error if n is negative, was made already, or is waited for by somebody else.
func (q *Sequencer) Step(ctx context.Context, n int) error {
	if ctx == nil {
		panic("testkit: Step with a nil ctx: pass the ctx of the task that makes the step")
	}
	if err := park.Enter(ctx); err != nil {
		return err
	}
	s := &step{q: q, n: n}
	p := park.PlaceOf(ctx)
	if p != nil {
		p.Strand.OnPark(nil)
		s.strand, s.path = p.Strand, pathAt(ctx)
	}
	q.mu.Lock()
	if q.owner != nil && p != nil && q.owner.strand == s.strand {
		q.overLocked(q.owner) // the caller's last step
	}
	switch {
	case n < 0:
		q.mu.Unlock()
		return fmt.Errorf("testkit: step %d: steps count from 0", n)
	case n < q.next:
		q.mu.Unlock()
		return fmt.Errorf("testkit: step %d was made already: the next is %d", n, q.next)
	case q.line[n] != nil:
		q.mu.Unlock()
		return fmt.Errorf("testkit: two callers make step %d", n)
	}
	q.line[n] = s
	if q.turnLocked() != s {
		if err := park.Wait(ctx, &q.mu, &s.line, &s.ticket, s); err != nil {
			q.mu.Lock()
			delete(q.line, n)
			if q.owner == s { // it was its turn in that instant
				q.owner, q.next = nil, n
			}
			q.mu.Unlock()
			return err
		}
		q.mu.Lock()
	}
	delete(q.line, n)
	q.mu.Unlock()
	s.untilOver(ctx, p)
	return nil
}

// turnLocked lets the next step begin if the one before is over, and returns it;
// the caller of Step is woken if it waits.
func (q *Sequencer) turnLocked() *step {
	s := q.line[q.next]
	if q.owner != nil || s == nil {
		return nil
	}
	q.owner = s
	q.next++
	s.line.ServeAll()
	return s
}

// untilOver arranges for the end of a step that has begun.
func (s *step) untilOver(ctx context.Context, p *park.Place) {
	over := func() {
		s.q.mu.Lock()
		defer s.q.mu.Unlock()
		s.q.overLocked(s)
	}
	if p == nil {
		over()
		return
	}
	if task := scope.TaskFrom(ctx); task != nil {
		s.watch.To = s
		if l := seam.ChildLatch(task); l.Watch(&s.watch) {
			s.latch = l
		}
	} else {
		s.stop = context.AfterFunc(p.Ctx, over)
	}
	p.Strand.OnPark(func() {
		if s.latch != nil {
			s.latch.Unwatch(&s.watch)
		}
		if s.stop != nil {
			s.stop()
		}
		over()
	})
}

// Tell is called when the task of the step has ended.
func (s *step) Tell(*park.Strand) {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.q.overLocked(s)
}

func (q *Sequencer) overLocked(s *step) {
	if q.owner == s {
		q.owner = nil
		q.turnLocked()
	}
}

// Awaited shows the step, and who makes the one before, in the live tree.
func (s *step) Awaited(look park.Look) park.Mark {
	m := park.Mark{Kind: "sequencer.step", Name: fmt.Sprint(s.n)}
	switch {
	case look == nil:
		return m
	case !look(&s.q.mu):
		m.Locked = true
		return m
	}
	defer s.q.mu.Unlock()
	if o := s.q.owner; o != nil && o.path != "" {
		m.Holders = []string{o.path}
	}
	return m
}

// pathAt names the line of execution of ctx: its task, or the scope it is in.
func pathAt(ctx context.Context) string {
	if task := scope.TaskFrom(ctx); task != nil {
		return seam.PathOf(task)
	}
	return scope.From(ctx).Path()
}
