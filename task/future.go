package task

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// Awaitable is anything that ends once. *[Task], *[Future], *scope.Child and
// context.Context are.
type Awaitable interface {
	Done() <-chan struct{}
	Err() error
}

// FutureOption shapes a future. A nil FutureOption is ignored.
type FutureOption interface{ applyFuture() }

type nameOption string

func (nameOption) applyFuture() {}

// Name names a future, in its spans and in the live tree. Keep it of low
// cardinality.
func Name(name string) FutureOption { return nameOption(name) }

// A Future is a value that will be there later. It is pending, and then, once
// and for good, has a value, has an error, or is cancelled. The zero Future is
// pending and ready to use; [NewFuture] gives one a name and a place in the
// trace. A Future must not be copied. All methods may be called from any
// goroutine; what happened before the result was set is visible to whoever
// reads it. The model is asyncio's Future.
//
// In a trace it is a span from when it was made until it was set, below the span
// that it was made in. Who has set it is not known, since that takes no ctx; a
// future that was cancelled is linked to where the cancellation began.
//
//	claim taken → value or error stored → latch closed: state published, waiters woken, Done closed → callbacks
type Future[T any] struct {
	name  string
	maker maker
	trace *origin // where it was made, if that is traced

	claim     atomic.Uint32 // the scope.State that it has once the latch is closed
	value     T             // written by who took the claim, before that
	err       error         // likewise
	latch     park.Latch    // closed when it is done
	callbacks callbacks     // who adds one comes to the latch
}

// NewFuture returns a pending future. ctx only places it, in the trace and in
// the live tree; it may be cancelled. Who makes a future is expected to see to
// it that it is set: one that somebody waits for when the task that made it has
// ended is shown as lost (monitor.Dump). It panics if ctx is nil.
func NewFuture[T any](ctx context.Context, opts ...FutureOption) *Future[T] {
	if ctx == nil {
		panic("task: NewFuture with a nil ctx: pass the ctx of the scope or task that makes it, or use new(task.Future[T])")
	}
	f := new(Future[T])
	for _, o := range opts {
		if o, ok := o.(nameOption); ok {
			f.name = string(o)
		}
	}
	f.maker = makerOf(ctx)
	f.trace = originOf(ctx)
	if dropped := seam.Dropped.Load(); dropped != nil {
		watchDrop(ctx, f, *dropped)
	}
	return f
}

// SetResult gives the future its value. It returns an *[InvalidStateError], and
// changes nothing, if the future is done already.
func (f *Future[T]) SetResult(v T) error { return f.settle("SetResult", scope.Succeeded, v, nil, nil) }

// SetError gives the future an error in place of a value. It returns an
// *[InvalidStateError], and changes nothing, if the future is done already. It
// panics if err is nil.
func (f *Future[T]) SetError(err error) error {
	if err == nil {
		panic("task: SetError with a nil error: call SetResult, or say what went wrong")
	}
	var zero T
	return f.settle("SetError", scope.Failed, zero, err, nil)
}

// Cancel makes the future cancelled and reports true, or false if it was done
// already. Waiters get a *scope.CanceledError with cause as its reason; a cause
// that is a *scope.CanceledError is passed on as it is. A nil cause becomes a
// default reason.
func (f *Future[T]) Cancel(cause error) bool {
	var e *scope.CanceledError
	if c, ok := cause.(*scope.CanceledError); ok && c != nil { //nolint:errorlint // a wrapped one is a reason
		e = c
	} else {
		if cause == nil {
			cause = errCanceled
		}
		e = &scope.CanceledError{Kind: scope.KindExplicit, Reason: cause, At: time.Now()}
	}
	var zero T
	return f.settle("Cancel", scope.Canceled, zero, e, nil) == nil
}

var errCanceled = errors.New("Future.Cancel was called")

// settle ends the future, unless somebody was first; by is the strand that does,
// if that is known. Callbacks run here; their panics are raised to the caller
// when all have run.
func (f *Future[T]) settle(op string, state scope.State, v T, err error, by *park.Strand) error {
	if !f.claim.CompareAndSwap(uint32(scope.Pending), uint32(state)) {
		f.settled()
		return &InvalidStateError{Op: op, State: scope.State(f.claim.Load())}
	}
	park.Yield()
	f.value, f.err = v, err
	f.trace.settled(f.name, state, err)
	if f.latch.Close(by) {
		f.callbacks.finish()
	}
	return nil
}

// settled waits until the future is done for everyone, after somebody has taken
// the claim: that one is about to close the latch, and does nothing in between
// but record the span. Otherwise whoever hears that it cannot be set any more
// could go on and find it pending (TestFutureSetSecondIsDone).
func (f *Future[T]) settled() {
	if !f.latch.Closed() {
		f.latch.Join(nil, (*awaiting[T])(f))
	}
}

// AddDoneCallback has fn called with the future when that is done: once, on the
// goroutine that sets it, after Done closed; or at once, on this goroutine, if
// it is done already. Callbacks run in the order they were added and with no
// lock held: they may add, remove, read and wait; one that is added while they
// run comes after them. If some panic, or end the goroutine by Goexit, the
// others run all the same, and then the panics are raised to whoever set the
// future, or added the callback late: the *scope.PanicError, or several joined.
// It panics if fn is nil.
func (f *Future[T]) AddDoneCallback(fn func(*Future[T])) *Callback {
	if fn == nil {
		panic("task: AddDoneCallback with a nil function: pass what to call")
	}
	if !f.latch.Come() {
		f.callbacks.spend()
	}
	return f.callbacks.add(func() { fn(f) })
}

// RemoveDoneCallback takes registrations back and returns how many it has
// removed: those that are of this future and have not run.
func (f *Future[T]) RemoveDoneCallback(cbs ...*Callback) int { return f.callbacks.remove(cbs) }

// State returns Pending, Succeeded, Failed or Canceled.
func (f *Future[T]) State() scope.State {
	if !f.latch.Closed() {
		return scope.Pending
	}
	return scope.State(f.claim.Load())
}

// IsDone reports whether the future is no longer pending.
func (f *Future[T]) IsDone() bool { return f.latch.Closed() }

// Canceled reports whether the future was cancelled.
func (f *Future[T]) Canceled() bool { return f.State() == scope.Canceled }

// Done returns a channel that is closed when the future is done.
func (f *Future[T]) Done() <-chan struct{} { return f.latch.Channel() }

// Result returns the value or the error: an *[InvalidStateError] while the
// future is pending, the *scope.CanceledError if it was cancelled. It never
// blocks.
func (f *Future[T]) Result() (v T, err error) {
	if !f.IsDone() {
		return v, &InvalidStateError{Op: "Result", State: scope.Pending}
	}
	return f.value, f.err // not written again
}

// Exception returns the error, nil if there is a value; otherwise it is like
// [Future.Result].
func (f *Future[T]) Exception() error {
	if !f.IsDone() {
		return &InvalidStateError{Op: "Exception", State: scope.Pending}
	}
	return f.err
}

// Err returns the error, or nil if there is a value, or none yet: as a
// context's Err does.
func (f *Future[T]) Err() error {
	if !f.IsDone() {
		return nil
	}
	return f.err
}

// Wait waits until the future is done and returns its value or error, or the
// cancellation of ctx, which leaves the future and its other waiters alone. Of
// a future that is done it returns the result also if ctx is cancelled. It
// panics if ctx is nil.
func (f *Future[T]) Wait(ctx context.Context) (v T, err error) {
	if ctx == nil {
		panic("task: Wait with a nil ctx: pass the ctx of the scope or task that waits")
	}
	var op park.Op
	if f.IsDone() { // whatever ctx says (R53)
		op.BeginTry(ctx)
		v, err = f.value, f.err
	} else {
		canceled := op.Begin(ctx)
		v, err = f.wait(&op, canceled, (*awaiting[T])(f))
	}
	if op.Traced() {
		op.End(otelx.Leaf{Kind: "await", Name: f.name, On: f, Future: true, Link: f.trace.context()}, err)
	}
	return v, err
}

func (f *Future[T]) wait(op *park.Op, canceled error, what park.Awaited) (v T, err error) {
	if f.IsDone() {
		return f.value, f.err
	}
	if canceled != nil {
		return v, canceled
	}
	if err := f.latch.Await(op, what); err != nil {
		return v, err
	}
	return f.value, f.err
}

// awaiting is a future as others wait for it.
type awaiting[T any] Future[T]

// Awaited names the future in the live tree.
func (a *awaiting[T]) Awaited(park.Look) park.Mark {
	return park.Mark{Kind: "future.wait", Name: a.name, Maker: a.maker.name, MakerID: a.maker.id}
}

// CancelAwaited cancels the future because a task that waits for it was
// cancelled by itself (R40).
func (a *awaiting[T]) CancelAwaited(cause error) { (*Future[T])(a).Cancel(cause) }
