package wait

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// A group watches many subjects for one caller. Each of ours tells it when it
// ends; for one that is not ours a goroutine of the group's executor does,
// which leave joins.
//
// Locks: a subject's latch may be locked when mu is taken, never the other way
// round.
type group struct {
	subjects []subject
	exec     executor.Executor
	quit     chan struct{} // closed by leave; nil if all are ours

	mu     sync.Mutex // guards the rest, and each subject's told
	line   park.Line  // the caller
	order  []*subject // those that are done, in the order they were told
	failed bool       // one of them has
}

// Tell is called when the subject's latch closes.
func (s *subject) Tell() { s.tell(s.failed()) }

func (s *subject) tell(failed bool) {
	g := s.group
	g.mu.Lock()
	g.noteLocked(s, failed)
	t := g.line.Serve()
	g.mu.Unlock()
	t.Wake()
}

func (g *group) noteLocked(s *subject, failed bool) {
	if s.told {
		return
	}
	s.told = true
	g.order = append(g.order, s)
	g.failed = g.failed || failed
}

// look notes what is done already, in the order the caller gave.
func (g *group) look() {
	for i := range g.subjects {
		s := &g.subjects[i]
		if s.done() {
			failed := s.failed()
			g.mu.Lock()
			g.noteLocked(s, failed)
			g.mu.Unlock()
		}
	}
}

// join has every subject that is not done tell the group.
func (g *group) join() {
	for i := range g.subjects {
		s := &g.subjects[i]
		if s.told { // nobody tells yet, besides those that joined before
			continue
		}
		if s.latch == nil {
			g.joinForeign(s)
			continue
		}
		s.watch.To = s
		if !s.latch.Watch(&s.watch) {
			s.tell(s.failed())
		}
	}
}

// joinForeign has a goroutine wait for what is none of ours.
func (g *group) joinForeign(s *subject) {
	done := s.aw.Done()
	if done == nil { // it never ends, as context.Background
		return
	}
	if g.quit == nil {
		g.quit = make(chan struct{})
	}
	g.exec.Go(foreign{s, done, g.quit})
}

type foreign struct {
	s    *subject
	done <-chan struct{}
	quit <-chan struct{}
}

// Execute waits for the subject, or until the group leaves.
func (f foreign) Execute() {
	select {
	case <-f.done:
		f.s.tell(f.s.failed())
	case <-f.quit:
	}
}

// leave takes everything back: when it returns, nobody knows of the group.
func (g *group) leave() {
	for i := range g.subjects {
		if s := &g.subjects[i]; s.latch != nil {
			s.latch.Unwatch(&s.watch)
		}
	}
	if g.quit != nil {
		close(g.quit)
		g.exec.Close()
	}
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

// await parks until holds, which is called with mu held, says that the group
// has what the caller waits for, or d is over, if it is positive.
func (g *group) await(op *park.Op, holds func() bool, d time.Duration) error {
	var limit time.Time
	if d > 0 {
		limit = time.Now().Add(d)
	}
	for {
		g.mu.Lock()
		if holds() {
			g.mu.Unlock()
			return nil
		}
		var t park.Ticket
		timedOut, err := op.WaitFor(&g.mu, &g.line, &t, g, d)
		if timedOut || err != nil {
			return err
		}
		if d > 0 {
			if d = time.Until(limit); d <= 0 {
				return nil
			}
		}
	}
}

// last is the span of what was done last.
func (g *group) last() trace.SpanContext {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.order); n > 0 {
		return seam.SpanOf(g.order[n-1].aw)
	}
	return trace.SpanContext{}
}

func (g *group) end(op *park.Op, err error) {
	if op.Traced() {
		op.End(otelx.Leaf{Kind: "await", Link: g.last()}, err)
	}
}

// maxHolders bounds how many of the tasks a group waits for are shown.
const maxHolders = 8

// Awaited shows the wait in the live tree.
func (g *group) Awaited() park.Mark {
	m := park.Mark{Kind: "wait"}
	for i := range g.subjects {
		s := &g.subjects[i]
		if c := child(s.aw); c != nil && !s.latch.Closed() {
			if m.Holders = append(m.Holders, seam.PathOf(c)); len(m.Holders) == maxHolders {
				break
			}
		}
	}
	return m
}

// begin starts the operation that a caller waits with. Its error is the
// cancellation of ctx.
func begin(call string, op *park.Op, ctx context.Context) error {
	if ctx == nil {
		panic("wait: " + call + " with a nil ctx: pass the ctx of the scope or task that waits")
	}
	return op.Begin(ctx)
}
