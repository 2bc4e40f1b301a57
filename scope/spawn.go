package scope

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

func init() {
	seam.Spawn = spawn
	seam.ChildLatch = func(c any) *park.Latch { return &c.(*Child).latch }
	seam.Contains = func(c any, p *park.Place) bool { return c.(*Child).contains(p) }
	seam.StrandOf = func(c any) *park.Strand { return &c.(*Child).strand }
	seam.PathOf = func(owner any) string { return pathOf(placeOf(owner)) }
	seam.Line = lineOf
	seam.EndOf = endOf
	seam.InBackground = func(p *park.Place) bool { c := taskOf(p); return c != nil && c.kind.background }
	seam.CancelKind = func(s any, kind uint8, reason error, by context.Context) {
		e, _, on := explicit(reason, []CancelOption{By(by)})
		e.Kind, e.Scope = Kind(kind), s.(*Scope).path()
		s.(*Scope).cancel(e, false, on)
	}
}

// spawn starts job as the task c, whatever package c comes from.
func spawn(ctx context.Context, c *Child, job capture.Job, fn uintptr, opts []TaskOption) {
	if ctx == nil {
		panic("scope: Go with a nil ctx: pass the ctx of a scope.Run body or of a task")
	}
	at := park.PlaceOf(ctx)
	s := c.configure(at, opts)
	c.id, c.fn, c.job = lastID.Add(1), fn, job
	_, c.finishes = job.(seam.Finisher)
	c.place = park.Place{Ctx: (*taskContext)(c), Strand: &c.strand, Owner: c}
	spawner := s.spawner(ctx, at)

	s.mu.Lock()
	if err := s.admitsLocked(); err != nil {
		s.mu.Unlock()
		c.refused(err)
		return
	}
	c.place.Tracer, c.place.Meter, c.place.Timed = s.place.Tracer, s.place.Meter, s.place.Timed || c.rare != nil && c.rare.timed
	if c.place.Tracer != nil || c.place.Meter != nil {
		c.note(at, spawner)
	}
	c.inherit(ctx, at)
	s.watch.spawned(c)
	s.linkLocked(c)
	if s.limit > 0 && !c.kind.background && (s.running >= s.limit || s.turns.Len() > 0) {
		s.waitTurn(ctx, at, c) // unlocks
		return
	}
	if s.limit > 0 && !c.kind.background {
		c.holds = true
		s.running++
	}
	s.mu.Unlock()
	s.exec.Go((*runner)(c))
}

// configure reads the options and finds the scope to spawn into.
func (c *Child) configure(at *park.Place, opts []TaskOption) *Scope {
	if len(opts) > 0 {
		var cfg taskConfig
		cfg.apply(opts)
		c.name, c.rare, c.scope = cfg.name, cfg.rare, cfg.in
		c.kind = taskKind{background: cfg.background, main: cfg.main, newRoot: cfg.newRoot}
	}
	if c.scope == nil {
		if at == nil {
			panic(ErrNoScope)
		}
		c.scope = scopeOf(at)
	}
	return c.scope
}

// admitsLocked says why the scope takes no more tasks, or nil (R36).
func (s *Scope) admitsLocked() error {
	if s.phase == made || s.phase == closed {
		return ErrClosed
	}
	if s.std.Err() == nil {
		return nil
	}
	if cause := s.causeOfStd(); cause != nil {
		return cause
	}
	return ErrClosed
}

// spawner returns the span in which a task is spawned into s, if that is
// traced. A ctx that is not ours is asked before the lock is taken.
func (s *Scope) spawner(ctx context.Context, at *park.Place) trace.SpanContext {
	if at != nil && at.Ctx == ctx {
		return at.Span.Context()
	}
	s.mu.Lock()
	traced := s.phase != made && s.place.Tracer != nil
	s.mu.Unlock()
	if !traced {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(ctx)
}

// note keeps what telemetry has to know of the spawn.
func (c *Child) note(at *park.Place, spawner trace.SpanContext) {
	now := time.Now()
	c.spawned = now.UnixNano()
	if c.place.Tracer == nil {
		return
	}
	by := c.scope.place.Strand
	if at != nil && at.Strand.Track() != nil {
		by = at.Strand
	}
	track := otelx.NewTrack(c.Name(), now, by.Track().ReleaseAt(now))
	track.Spawner = spawner
	c.strand.SetTrack(track)
}

// inherit takes over what a task has from its spawner: the values of its ctx.
// Cancellation comes from the scope alone (R21).
func (c *Child) inherit(ctx context.Context, at *park.Place) {
	if at == nil || at.Ctx != ctx {
		c.values = context.WithoutCancel(ctx)
		return
	}
	switch o := at.Owner.(type) {
	case *Scope: // its body: nothing was added to the scope's own values
		if o != c.scope {
			c.values = context.WithoutCancel(ctx)
		}
	case *Child:
		// Take what the spawner itself took, rather than its ctx: a task that
		// always spawns the next would otherwise grow a chain.
		switch {
		case o.inherited != nil:
			c.values = o.inherited
		case o.scope != c.scope:
			c.values = context.WithoutCancel(o.scope.place.Ctx)
		}
	}
	c.inherited = c.values
}

// linkLocked puts the task into the tree; from here on the scope waits for it.
func (s *Scope) linkLocked(c *Child) {
	c.next = s.tasks
	if c.next != nil {
		c.next.prev = c
	}
	s.tasks = c
	if c.kind.background {
		s.back++
	} else {
		s.front++
	}
}

// unlinkLocked takes the task out of the tree, and returns the body to wake if
// that waits for nothing else.
func (s *Scope) unlinkLocked(c *Child) (body *park.Ticket) {
	if s.rounds != nil {
		s.passLocked(c)
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.tasks = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
	if c.kind.background {
		s.back--
	} else {
		s.front--
	}
	if s.front == 0 && s.inner == nil {
		return s.exit.Serve()
	}
	return nil
}

// refused ends a task that was not admitted, or gave up its place in line.
func (c *Child) refused(err error) {
	state := Canceled
	if err == ErrClosed { //nolint:errorlint // admitsLocked's own value
		state = Failed
	}
	job := c.job
	c.publish(state, err)
	if c.finishes {
		_ = job.(seam.Finisher).Finished(nil) // nobody has had it yet: there are no callbacks to panic
	}
}
