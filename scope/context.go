package scope

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// bodyContext is the ctx of a scope's body: the scope's own cancellation, and
// the scope as a value.
type bodyContext Scope

func (c *bodyContext) Deadline() (time.Time, bool) { return c.ends, !c.ends.IsZero() }
func (c *bodyContext) Done() <-chan struct{}       { return c.std.Done() }
func (c *bodyContext) Err() error                  { return c.std.Err() }
func (c *bodyContext) Value(key any) any {
	if key == park.Key {
		return &c.place
	}
	if key == otelx.SpanKey && c.place.Span != nil {
		return c.place.Span.Value()
	}
	return c.std.Value(key)
}

// String says what it is, where a context is printed.
func (c *bodyContext) String() string { return "scope.Context(" + (*Scope)(c).Path() + ")" }

// taskContext is the ctx of a task: cancellation of the scope that owns it,
// values of the spawner (R21).
//
// A task's own cancel context is made only when somebody asks for it: by
// Cancel, by a deadline of its own, or by deriving from ctx. Value asks the
// values first and then that own context; because the values stand behind
// context.WithoutCancel, which answers nil to the standard library's own key,
// derived contexts attach to the own context directly, without a goroutine.
type taskContext Child

func (c *taskContext) Deadline() (time.Time, bool) {
	if own := c.own.Load(); own != nil {
		return own.Deadline()
	}
	return c.scope.ends, !c.scope.ends.IsZero()
}

func (c *taskContext) Done() <-chan struct{} { return (*Child)(c).cancelable().Done() }

func (c *taskContext) Err() error {
	if own := c.own.Load(); own != nil {
		return own.Err()
	}
	return c.scope.std.Err()
}

func (c *taskContext) Value(key any) any {
	if key == park.Key {
		return &c.place
	}
	if key == otelx.SpanKey && c.place.Span != nil {
		return c.place.Span.Value()
	}
	if c.values != nil {
		if v := c.values.Value(key); v != nil {
			return v
		}
	}
	if own := c.own.Load(); own != nil {
		return own.Value(key)
	}
	return c.scope.std.Value(key)
}

// String says what it is, where a context is printed.
func (c *taskContext) String() string { return "task.Context(" + (*Child)(c).path() + ")" }

// ownContext is a task's own cancel context.
type ownContext struct {
	context.Context
	cancel  context.CancelCauseFunc
	free    context.CancelFunc // of the deadline, or nil
	unwatch func()             // of the deadline, or nil
	noted   atomic.Pointer[CanceledError]
}

// note is [Scope.note] for a task that was cancelled by itself.
func (o *ownContext) note() {
	if e, ok := context.Cause(o).(*CanceledError); ok { //nolint:errorlint // as in causeOfStd
		o.noted.Store(e)
	}
}

// cancelable returns the task's own cancel context, making it if need be.
func (c *Child) cancelable() *ownContext {
	if own := c.own.Load(); own != nil {
		return own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelableLocked()
}

func (c *Child) cancelableLocked() *ownContext {
	if own := c.own.Load(); own != nil { // another goroutine was first
		return own
	}
	own := new(ownContext)
	base := c.scope.std
	if c.due != nil {
		base, own.free = context.WithDeadlineCause(base, c.due.At, c.due)
	}
	own.Context, own.cancel = context.WithCancelCause(base)
	if c.gone {
		own.end(c.scope)
	}
	c.own.Store(own)
	return own
}

// end cancels and frees the context of a task of s that has ended.
func (o *ownContext) end(s *Scope) {
	if o.unwatch != nil {
		o.unwatch()
	}
	if o.Err() == nil {
		o.cancel(s.doneCause())
	}
	if o.free != nil {
		o.free()
	}
}

// From returns the innermost scope of ctx: the one whose body, or one of whose
// tasks, ctx was handed to. Nil if there is none.
func From(ctx context.Context) *Scope {
	if p := park.PlaceOf(ctx); p != nil {
		return scopeOf(p)
	}
	return nil
}

// TaskFrom returns the task that ctx belongs to, or nil: in the body of a scope
// that was opened in a task it is that task.
func TaskFrom(ctx context.Context) *Child {
	if p := park.PlaceOf(ctx); p != nil {
		return taskOf(p)
	}
	return nil
}

// lineOf returns where the line of execution that p is on begins: the task, or
// else the body of the root scope.
func lineOf(p *park.Place) *park.Place {
	for {
		s, ok := p.Owner.(*Scope)
		switch {
		case !ok || s.up == nil:
			return p
		case s.task != nil:
			return &s.task.place
		}
		p = s.up
	}
}

// endOf returns what closes when the task that p stands for is done, or the
// body has returned; nil if that has happened.
func endOf(p *park.Place) *park.Latch {
	s, ok := p.Owner.(*Scope)
	if !ok {
		if c := p.Owner.(*Child); !c.latch.Closed() {
			return &c.latch
		}
		return nil
	}
	s.mu.LockNested()
	defer s.mu.UnlockNested()
	if s.phase >= closing {
		return nil
	}
	if s.bodyEnd == nil {
		s.bodyEnd = new(park.Latch)
	}
	return s.bodyEnd
}

func taskOf(p *park.Place) *Child {
	switch o := p.Owner.(type) {
	case *Scope:
		return o.task
	case *Child:
		return o
	}
	return nil
}
