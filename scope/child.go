package scope

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// State is where a task or future stands.
//
//	task:   pending → running | canceled | failed (ErrClosed only)
//	        running → succeeded | failed | canceled
//	        running → canceling → succeeded | failed | canceled
//	future: pending → succeeded | failed | canceled
type State uint8

const (
	// Pending has not begun, or has no result yet.
	Pending State = iota
	// Running has begun.
	Running
	// Canceling has begun, and has been cancelled.
	Canceling
	// Succeeded has returned without an error.
	Succeeded
	// Failed has returned an error, has panicked, or was refused.
	Failed
	// Canceled was ended by a cancellation.
	Canceled
)

var stateNames = [...]string{"pending", "running", "canceling", "succeeded", "failed", "canceled"}

// String returns the state's name in lower case.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// A Child is a task: a function that runs in a scope, on a goroutine of its
// own. The scope does not end before the task has. All methods may be called
// from any goroutine. Package task has tasks with typed results.
//
// A Child that is done is done for good: Done closes, and State becomes final,
// only when the function has returned and its clean-up is over.
type Child struct {
	// Set before the task is in the tree, and then only read.
	id       uint64
	fn       uintptr // the user's function, for the name
	name     string
	scope    *Scope
	place    park.Place
	strand   park.Strand
	rare     *rare
	spawned  int64 // Unix nanoseconds, if it is traced or measured
	kind     taskKind
	finishes bool // job is a seam.Finisher
	reached  bool // it has ended after its scope was cancelled, if traced
	labelled bool // its goroutine is; the task's own goroutine alone

	// The task's own goroutine alone, until it is done.
	job       capture.Job
	values    context.Context   // the spawner's; nil: the scope's will do
	inherited context.Context   // values, before the task's own span was added
	series    *otelx.TaskSeries // if it is measured
	due       *CanceledError    // the cause of the task's own deadline

	state atomic.Uint32
	begun atomic.Int64 // Unix nanoseconds
	own   atomic.Pointer[ownContext]

	// Guarded by the scope's mu.
	next, prev *Child
	turn       *turn // in line for one of Limit's turns
	holds      bool  // one of them

	latch park.Latch // closed when the task is done

	err    error          // written before the state is final, and then only read
	mu     sync.Mutex     // guards the rest; taken after the scope's
	inner  *Scope         // scopes opened by the task, newest first
	exit   park.Line      // the task itself, waiting for those
	raised *CanceledError // the cause that was given with Raise, or nil
	sealed bool           // no scope is opened in it any more
	gone   bool           // it is done
	asked  bool           // somebody has asked for its error since
}

type taskKind struct{ background, main, newRoot bool }

// Go spawns fn as a task of the scope of ctx, or of the one named with [In],
// and returns at once, except beyond a [Limit], where it may wait for a turn.
// The task's failure fails its scope, waited for or not. There is no error to
// look at: into a scope that has ended nothing is spawned, and the task is done
// with [ErrClosed]; into a cancelled one, it is done and cancelled with the
// scope's cause.
//
// The ctx that fn gets is cancelled with the scope that owns the task; its
// values come from ctx. fn runs on a goroutine that may have run other tasks
// before and may run others after it: what it does to its thread or goroutine
// (runtime.LockOSThread) it has to undo.
//
// Go panics if ctx or fn is nil, and with [ErrNoScope] if there is no scope.
// It is Trio's start_soon, AnyIO's start_soon and asyncio's create_task.
func Go(ctx context.Context, fn func(ctx context.Context) error, opts ...TaskOption) *Child {
	if fn == nil {
		panic("scope: Go with a nil function: pass the function to run")
	}
	c := new(Child)
	spawn(ctx, c, capture.Func(fn), codeOf(fn), opts)
	return c
}

// Name returns the task's name: given with [Name], or else derived from its
// function.
func (c *Child) Name() string {
	if c.name != "" || c.fn == 0 {
		return c.name
	}
	return nameOf(c.fn)
}

// path is the scope's path and the task's name.
func (c *Child) path() string { return pathOf(&c.place) }

// ID returns a number that no other task or scope of this process has.
func (c *Child) ID() uint64 { return c.id }

// SpanContext returns the context of the task's span; it is not valid if the
// task is not traced, or has not begun.
func (c *Child) SpanContext() trace.SpanContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place.Span.Context()
}

// State returns where the task stands.
func (c *Child) State() State {
	s := State(c.state.Load())
	if s == Running && (*taskContext)(c).Err() != nil {
		if now := State(c.state.Load()); now != Running {
			return now
		}
		return Canceling
	}
	return s
}

func (c *Child) isDone() bool { return State(c.state.Load()) >= Succeeded }

// Err returns nil until the task is done, and then its error: nil if it
// succeeded, the function's own error, unwrapped, if it failed, the
// *[CanceledError] if it was cancelled, [ErrClosed] if it was refused.
func (c *Child) Err() error {
	if !c.isDone() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
	return c.err
}

// Done returns a channel that is closed when the task is done.
func (c *Child) Done() <-chan struct{} { return c.latch.Channel() }

// Wait waits until the task is done and returns its error, as [Child.Err]
// does, or the cancellation of ctx; of a task that is done it returns the
// error also if ctx is cancelled. Waiting consumes nothing: any number of
// callers get the same answer, and the scope's failure stays one. A task that
// waits for itself, or for one it runs inside of, gets an error at once. It
// panics if ctx is nil.
func (c *Child) Wait(ctx context.Context) error {
	mustHave(ctx, "Wait")
	var op park.Op
	canceled := op.Begin(ctx)
	err := c.wait(&op, canceled)
	if op.Traced() {
		op.End(otelx.Leaf{Kind: "await", Name: c.Name(), On: c, Link: c.SpanContext()}, err)
	}
	return err
}

func (c *Child) wait(op *park.Op, canceled error) error {
	if c.isDone() {
		return c.heard(op)
	}
	if canceled != nil {
		return canceled
	}
	if p := op.Place(); p != nil && c.contains(p) {
		return errSelfWait
	}
	if err := c.latch.Await(op, (*awaiting)(c)); err != nil {
		return err
	}
	return c.heard(op)
}

// heard returns the error of a task that is done. Whoever passes it on has not
// failed first.
func (c *Child) heard(op *park.Op) error {
	err := c.Err()
	if p := op.Place(); p != nil && err != nil {
		p.Strand.Hear(err)
	}
	return err
}

// contains reports whether p is the task itself or somewhere inside it.
func (c *Child) contains(p *park.Place) bool {
	for p != nil {
		t := taskOf(p)
		if t == nil || t == c || t.scope.depth < c.scope.depth { // further out than the task itself
			return t == c
		}
		p = t.scope.up
	}
	return false
}

// awaiting is a task as others wait for it.
type awaiting Child

// Awaited names the task in the live tree.
func (a *awaiting) Awaited(look park.Look) park.Mark {
	c := (*Child)(a)
	m := park.Mark{Kind: "task.wait", Name: c.Name()}
	if look != nil {
		m.Holders, m.IDs = []string{c.path()}, []uint64{c.id}
	}
	return m
}

// Cancel cancels what the task runs, and nothing else: neither the scope nor
// its other tasks. It reports whether it had an effect: false if the task was
// done or cancelled already. A task that has not begun never begins. If the
// task waits for a Future in that moment, the future is cancelled too (as in
// asyncio). A nil cause becomes a reason that says who called. Cancel does not
// wait; a function that succeeds nevertheless has succeeded.
func (c *Child) Cancel(cause error, opts ...CancelOption) bool {
	if c.isDone() {
		return false
	}
	e, raise, by := explicit(cause, opts)
	e.Scope = c.scope.path()
	if e.Task == "" && !e.Span.IsValid() {
		e.Span = c.SpanContext()
	}
	return c.cancel(e, raise, by)
}

func (c *Child) cancel(e *CanceledError, raise bool, by *park.Strand) bool {
	c.mu.Lock()
	if c.gone || c.scope.std.Err() != nil {
		c.mu.Unlock()
		return false
	}
	own := c.cancelableLocked()
	if own.Err() != nil {
		c.mu.Unlock()
		return false
	}
	if raise {
		c.raised = e
	}
	what, _, under := c.strand.Waiting()
	live := under != nil && under.Err() == nil
	e.why = by.Release()
	own.cancel(e)
	own.note()
	c.mu.Unlock()

	c.strand.Poke(e.why)
	for _, s := range c.innerScopes(nil) {
		s.spread(e.why)
	}
	if f, ok := what.(interface{ CancelAwaited(error) }); ok && live && under.Err() != nil {
		f.CancelAwaited(e)
	}
	c.scope.dropTurn(c)
	return true
}

// innerScopes appends the scopes opened by the task that cancellation reaches.
func (c *Child) innerScopes(to []*Scope) []*Scope {
	c.mu.Lock()
	defer c.mu.Unlock()
	return visible(c.inner, to)
}
