package sync

import (
	"context"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
)

// An Event is a flag that can be waited for. The zero Event is not set, has no
// name, and is ready to use. An Event must not be copied. All methods may be
// called from any goroutine; what happened before Set is visible to whoever
// returns from Wait because of it. It is asyncio's Event.
type Event struct {
	name string
	set  atomic.Bool // written under mu

	mu   park.Mutex // guards line
	line park.Line
}

// NewEvent returns an event that is not set.
func NewEvent(opts ...Option) *Event { return &Event{name: nameOf(opts)} }

// Set sets the event, and wakes everyone who waits at this moment, even if
// [Event.Clear] follows at once. Setting it again does nothing.
func (e *Event) Set() {
	e.mu.Lock()
	e.set.Store(true)
	e.line.ServeAll()
	e.mu.Unlock()
}

// Clear takes the flag back: whoever calls Wait from now on waits for the next
// Set.
func (e *Event) Clear() {
	e.mu.Lock()
	e.set.Store(false)
	e.mu.Unlock()
}

// IsSet reports whether the event is set now.
func (e *Event) IsSet() bool { return e.set.Load() }

// Wait waits until the event is set, and returns nil, or the cancellation of
// ctx: also if the event is set, but ctx was cancelled before the call. It
// panics if ctx is nil.
func (e *Event) Wait(ctx context.Context) error {
	mustHave(ctx, "Event.Wait")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil && !e.set.Load() {
		err = e.wait(&op)
	}
	if op.Traced() {
		endAcquire(&op, e, e.name, err)
	}
	return err
}

func (e *Event) wait(op *park.Op) error {
	e.mu.Lock()
	if e.set.Load() {
		e.mu.Unlock()
		return nil
	}
	var t park.Ticket
	return op.Wait(&e.mu, &e.line, &t, (*eventWait)(e))
}

// eventWait is an event as others wait for it.
type eventWait Event

// Awaited names the event in the live tree.
func (e *eventWait) Awaited(look park.Look) park.Mark {
	return marked(look, "event.wait", e.name, &e.mu, &e.line)
}

// marked is the mark of who waits in a line.
func marked(look park.Look, kind, name string, mu *park.Mutex, line *park.Line) park.Mark {
	m := park.Mark{Kind: kind, Name: name}
	switch {
	case look == nil:
	case look(mu):
		m.Waiters = line.Len()
		mu.Unlock()
	default:
		m.Locked = true
	}
	return m
}
