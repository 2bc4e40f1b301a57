package wait

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// A group watches many subjects for one caller. Each of ours tells it when it
// ends, under its own lock; the others have a goroutine for that. The caller is
// woken once, when it has what it waits for.
//
// Locks: a subject's latch may be locked when mu is taken, never the other way
// round; and under mu nothing of the subjects is asked.
type group struct {
	subjects []subject
	foreign  *foreign // nil if all are ours
	ticket   park.Ticket

	mu          sync.Mutex // guards the rest, and each subject's told and next
	line        park.Line  // the caller
	first, last *subject   // those that are done, in the order in which they told
	ended       int        // how many those are
	failed      bool       // one of them has
	enough      int        // the caller waits until so many are done,
	orFailed    bool       // or one has failed
}

// Tell is called when the subject's latch closes.
func (s *subject) Tell(by *park.Strand) { s.tell(s.failed(), by) }

// tell notes that the subject is done; by is the strand that has ended it, or
// nil.
func (s *subject) tell(failed bool, by *park.Strand) {
	g := s.group
	g.mu.Lock()
	g.noteLocked(s, failed)
	var t *park.Ticket
	if g.holdsLocked() {
		t = g.line.Serve()
	}
	g.mu.Unlock()
	t.WakeBy(by)
}

func (g *group) noteLocked(s *subject, failed bool) {
	s.told = true
	if g.last == nil {
		g.first = s
	} else {
		g.last.next = s
	}
	g.last = s
	g.ended++
	g.failed = g.failed || failed
}

// holdsLocked reports whether the caller has what it waits for.
func (g *group) holdsLocked() bool {
	return g.ended >= g.enough || g.orFailed && g.failed
}

// look notes what is done already, in the order the caller gave, and reports
// whether that is all the caller waits for. Nobody tells yet.
func (g *group) look() bool {
	for i := range g.subjects {
		if s := &g.subjects[i]; s.done() {
			g.noteLocked(s, s.failed())
		}
	}
	return g.holdsLocked()
}

// join has every subject that is not done tell the group.
func (g *group) join() {
	for i := range g.subjects {
		s := &g.subjects[i]
		switch {
		case s.told: // by look: it has not joined, so nobody else writes that
		case s.latch == nil:
			g.joinForeign(s)
		default:
			s.watch.To = s
			if !s.latch.Watch(&s.watch) {
				s.tell(s.failed(), nil)
			}
		}
	}
}

// leave takes everything back: when it returns, nobody knows of the group.
func (g *group) leave() {
	for i := range g.subjects {
		if s := &g.subjects[i]; s.watch.To != nil {
			s.latch.Unwatch(&s.watch)
		}
	}
	g.foreign.leave()
}

// inside reports whether the caller runs inside one of the subjects (R47).
func (g *group) inside(p *park.Place) bool {
	if p == nil {
		return false
	}
	for i := range g.subjects {
		if c := child(g.subjects[i].aw); c != nil && !g.subjects[i].done() && seam.Contains(c, p) {
			return true
		}
	}
	return false
}

// await parks until the caller has what it waits for, or d is over, if it is
// positive. That is asked of the group first, so that nothing is missed; and
// once it holds it stays so, so who is woken need not ask again.
func (g *group) await(op *park.Op, d time.Duration) error {
	g.mu.Lock()
	if g.holdsLocked() {
		g.mu.Unlock()
		return nil
	}
	_, err := op.WaitFor(&g.mu, &g.line, &g.ticket, g, d)
	return err
}

// end records the operation, with a link to what was done last.
func (g *group) end(op *park.Op, err error) {
	if !op.Traced() {
		return
	}
	var link trace.SpanContext
	g.mu.Lock()
	last := g.last
	g.mu.Unlock()
	if last != nil {
		link = seam.SpanOf(last.aw)
	}
	op.End(otelx.Leaf{Kind: "await", Link: link}, err)
}

// maxHolders bounds how many of the tasks a group waits for are shown.
const maxHolders = 8

// Awaited shows the wait in the live tree.
func (g *group) Awaited(look park.Look) park.Mark {
	m := park.Mark{Kind: "wait"}
	if look == nil {
		return m
	}
	for i := range g.subjects {
		s := &g.subjects[i]
		if s.latch == nil || s.latch.Closed() { // what is not ours is not to be asked by who looks
			continue
		}
		if c := child(s.aw); c != nil {
			if m.Holders = append(m.Holders, seam.PathOf(c)); len(m.Holders) == maxHolders {
				break
			}
		}
	}
	return m
}

// mustHave refuses a nil ctx.
func mustHave(ctx context.Context, call string) {
	if ctx == nil {
		panic("wait: " + call + " with a nil ctx: pass the ctx of the scope or task that waits")
	}
}
