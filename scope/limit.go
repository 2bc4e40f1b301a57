package scope

import (
	"context"

	"github.com/corral-go/corral/internal/park"
)

// turn is a task's place in line for one of the turns of [Limit]. Its spawner
// may be waiting with it.
type turn struct {
	park.Ticket
	c *Child
}

// waitTurn puts a linked task in line. It needs mu and lets go of it. From the
// body, or from outside, the spawner waits until it is the task's turn; a task
// inside the scope does not wait: it may hold the very turn it would wait for.
func (s *Scope) waitTurn(ctx context.Context, at *park.Place, c *Child) {
	t := &turn{c: c}
	t.Owner = t
	c.turn = t
	if at != nil && s.inside(at) {
		s.turns.Push(&t.Ticket)
		s.mu.Unlock()
		return
	}
	err := park.CheckNow(ctx)
	if err != nil {
		s.mu.Unlock()
	} else {
		err = park.Wait(ctx, &s.mu, &s.turns, &t.Ticket, (*limited)(s))
	}
	if err != nil {
		s.mu.Lock()
		c.turn = nil
		s.watch.forget(c)
		body := s.unlinkLocked(c)
		s.mu.Unlock()
		c.refused(err)
		body.Wake()
	}
}

// inside reports whether p is in one of the scope's tasks.
func (s *Scope) inside(p *park.Place) bool {
	for p != nil {
		t := taskOf(p)
		if t == nil || t.scope.depth < s.depth { // further out than the scope itself
			return false
		}
		if t.scope == s {
			return true
		}
		p = t.scope.up
	}
	return false
}

// nextTurnLocked gives a free turn to the first in line; the caller starts it
// once it has let go of the lock.
func (s *Scope) nextTurnLocked() *turn {
	if s.limit == 0 || s.running >= s.limit {
		return nil
	}
	served := s.turns.Serve()
	if served == nil {
		return nil
	}
	t := served.Owner.(*turn)
	t.c.turn, t.c.holds = nil, true
	s.running++
	return t
}

// startTurn starts the task whose turn it is, and lets its spawner go on; by is
// the task that has ended.
func (s *Scope) startTurn(t *turn, by *park.Strand) {
	if t != nil {
		t.c.strand.Track().Taken(by.Release())
		s.exec.Go((*runner)(t.c))
		t.WakeBy(by)
	}
}

// takeTurnsLocked empties the line of a cancelled scope.
func (s *Scope) takeTurnsLocked() []*turn {
	if s.turns.Len() == 0 || s.std.Err() == nil {
		return nil
	}
	var refused []*turn
	for served := s.turns.Serve(); served != nil; served = s.turns.Serve() {
		t := served.Owner.(*turn)
		t.c.turn = nil
		refused = append(refused, t)
	}
	return refused
}

// refuse ends the tasks whose turn will not come, on one goroutine of the
// scope: their callbacks are user code.
func (s *Scope) refuse(ts []*turn) {
	if len(ts) > 0 {
		s.exec.Go(refusal(ts))
	}
}

type refusal []*turn

// Execute runs each task, which finds itself cancelled and does not begin, and
// then lets its spawner go on. It goes on with the next also if a callback of
// one ends the goroutine.
func (r refusal) Execute() {
	rest := r
	defer func() {
		if len(rest) > 0 {
			rest.Execute()
		}
	}()
	for len(rest) > 0 {
		t := rest[0]
		rest = rest[1:]
		t.end()
	}
}

func (t *turn) end() {
	defer t.Wake()
	(*runner)(t.c).Execute()
}

// dropTurn ends a cancelled task that stands in line.
func (s *Scope) dropTurn(c *Child) {
	if s.limit == 0 {
		return
	}
	s.mu.Lock()
	t := c.turn
	drop := t != nil && s.turns.Remove(&t.Ticket) && t.Claim()
	if drop {
		c.turn = nil
	}
	s.mu.Unlock()
	if drop {
		s.refuse([]*turn{t})
	}
}

// limited is a scope as a spawner waits for a turn in it.
type limited Scope

// Awaited names the tasks that have a turn.
func (l *limited) Awaited(look park.Look) park.Mark {
	s := (*Scope)(l)
	m := park.Mark{Kind: "scope.limit", Name: s.path()}
	s.holders(&m, look, func(c *Child) bool { return c.holds })
	return m
}
