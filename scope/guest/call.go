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
	if err := park.Check(ctx); err != nil {
		return v, err
	}
	if l.here() {
		return fn()
	}
	c := &call{loop: l}
	c.job = func(context.Context) (err error) {
		v, err = fn()
		return err
	}
	err := c.wait(ctx)
	if c.withdrawn {
		return *new(T), err
	}
	return v, err
}

// here reports whether the caller is on the host's thread: in a tick, or, if it
// is locked, anywhere. There, to wait for a tick would be for ever.
func (l *loop) here() bool {
	self := gid.Current()
	c := l.current.Load()
	return c != nil && c.self.Load() == self || l.thread.Load() == self
}

// A call is one call of RunOnHost.
//
//	waiting → begun → over
//	        → withdrawn
type call struct {
	loop *loop
	job  capture.Func

	mu        sync.Mutex // guards the rest
	line      park.Line
	begun     bool
	withdrawn bool
	out       *capture.Outcome
}

func (c *call) wait(ctx context.Context) error {
	if !c.loop.push(item{job: c}) {
		c.refuse()
	}
	c.mu.Lock()
	if c.out == nil {
		if err := park.Wait(ctx, &c.mu, &c.line, new(park.Ticket), c); err != nil && c.withdraw(ctx) {
			return err
		}
	} else {
		c.mu.Unlock()
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

// withdraw takes the call back if it has not begun, or else waits for it.
func (c *call) withdraw(ctx context.Context) bool {
	c.mu.Lock()
	switch {
	case !c.begun && c.out == nil:
		c.withdrawn = true
	case c.out == nil:
		park.Join(park.PlaceOf(ctx), &c.mu, &c.line, new(park.Ticket), c) // unlocks
		return false
	}
	c.mu.Unlock()
	return c.withdrawn
}

// Execute makes the call, on the host's thread.
func (c *call) Execute() {
	c.mu.Lock()
	c.begun = true
	withdrawn := c.withdrawn
	c.mu.Unlock()
	if !withdrawn {
		capture.Do(context.Background(), c.job, c)
	}
}

// End hands the outcome to who waits.
func (c *call) End(out capture.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = &out
	c.line.ServeAll()
}

// refuse ends a call that will not be made.
func (c *call) refuse() {
	err := c.loop.whyLost()
	if err == nil {
		err = scope.ErrClosed
	}
	c.End(capture.Outcome{Err: err})
}

// Awaited shows the call in the live tree.
func (c *call) Awaited() park.Mark { return park.Mark{Kind: "host.call"} }
