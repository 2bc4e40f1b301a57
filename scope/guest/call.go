package guest

import (
	"context"
	"sync"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/gid"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

// RunOnHost calls fn on the host's thread and waits for it: for ordinary tasks
// that have something to do there. The host is the one of the guest run that ctx
// comes from, by its values: the ctx of a host task, of what that has spawned
// into another scope, or one derived from those; so a function that a host task
// gave to scope.Blocking may use its ctx here. On the host's thread fn is called
// at once.
//
// fn runs in its turn among the host tasks and should not block. If ctx is
// cancelled before that, fn is not called; once it runs it is waited for. A
// panic of fn is raised here. RunOnHost returns [ErrNoHost] if ctx comes from no
// guest run, [scope.ErrClosed] if that has ended, [ErrGone] if the host is gone
// before fn has run. It panics if ctx or fn is nil. It is Trio's
// from_thread.run_sync.
func RunOnHost[T any](ctx context.Context, fn func() (T, error)) (T, error) {
	var v T
	if ctx == nil || fn == nil {
		panic("scope/guest: RunOnHost with a nil ctx or function: pass both")
	}
	l, _ := ctx.Value(loopKey{}).(*loop)
	if l == nil {
		return v, ErrNoHost
	}
	if err := park.Enter(ctx); err != nil {
		return v, err
	}
	if l.here() {
		return fn()
	}
	c := &callOf[T]{call: call{loop: l}, fn: fn}
	c.job = c
	err := c.wait(ctx)
	return c.v, err
}

// callOf is a call with its function and value.
type callOf[T any] struct {
	call
	fn func() (T, error)
	v  T
}

// Run calls the function.
func (c *callOf[T]) Run(context.Context) (err error) {
	c.v, err = c.fn()
	return err
}

// here reports whether the caller is on the host's thread: in a tick, or, if it
// is locked, anywhere. There, to wait for a tick would be for ever.
func (l *loop) here() bool {
	self := gid.Current()
	c := l.current.Load()
	return c != nil && c.self.Load() == self || l.thread.Load() == self
}

// A call is one call of RunOnHost. It is the caller's place in line: to begin,
// it claims him, and so it is decided whether the call or a cancellation was
// first.
type call struct {
	loop   *loop
	job    capture.Job
	owner  any             // whose call it is, or nil
	caller *park.Ticket    // claimed; the host's thread alone
	out    capture.Outcome // before caller is woken

	mu     sync.Mutex // guards the rest
	line   park.Line
	ticket park.Ticket
}

// Owner is whose call it is.
func (c *call) Owner() any { return c.owner }

func (c *call) wait(ctx context.Context) error {
	if p := park.PlaceOf(ctx); p != nil {
		c.owner = p.Owner
	}
	c.mu.Lock()
	if !c.loop.push(item{job: c}) {
		c.mu.Unlock()
		return c.loop.refusal()
	}
	if err := park.Wait(ctx, &c.mu, &c.line, &c.ticket, c); err != nil {
		return err
	}
	switch {
	case c.out.Panic != nil:
		if p, ok := c.out.Panic.Value.(*scope.PanicError); ok {
			panic(p)
		}
		panic(&scope.PanicError{Value: c.out.Panic.Value, Stack: c.out.Panic.Stack})
	case c.out.Goexit:
		return scope.ErrGoexit
	}
	return c.out.Err
}

// begin claims the caller; false: he has gone.
func (c *call) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.caller = c.line.Serve()
	return c.caller != nil
}

// Execute makes the call, on the host's thread.
func (c *call) Execute() {
	if c.begin() {
		capture.Do(context.Background(), c.job, c)
	}
}

// End hands the outcome to the caller.
func (c *call) End(out capture.Outcome) {
	c.out = out
	c.caller.Wake()
}

// refuse ends a call that will not be made.
func (c *call) refuse() {
	if c.begin() {
		c.End(capture.Outcome{Err: c.loop.refusal()})
	}
}

// refusal is why a loop makes no more calls.
func (l *loop) refusal() error {
	if err := l.whyLost(); err != nil {
		return err
	}
	return scope.ErrClosed
}

// Awaited shows the call in the live tree.
func (c *call) Awaited(park.Look) park.Mark { return park.Mark{Kind: "host.call"} }
