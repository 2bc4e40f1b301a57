package guest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// A Host is a loop that owns its thread: a GUI toolkit, a game, a C library. All
// it has to offer is a way to have a function called on that thread.
type Host struct {
	// RunSyncSoonThreadsafe has fn called once, soon, on the host's thread. It is
	// called from any goroutine but never on the host's own, so it may block, or
	// wait until fn has returned. At most one fn is under way at a time.
	RunSyncSoonThreadsafe func(fn func())

	// RunSyncSoonNotThreadsafe (optional) does the same, and is called on the
	// host's thread only, from within a function the host was asked to call. It
	// must return at once, and not call fn itself. With it a host task that is
	// ready runs again without a detour over another goroutine.
	RunSyncSoonNotThreadsafe func(fn func())
}

// An Outcome is how a guest run ended: as scope.Run would have, around main.
// Value is main's, if Err is nil. A panic is a *scope.PanicError here.
type Outcome[T any] struct {
	Value T
	Err   error
}

// A Guest is a guest run. Its methods may be called from any goroutine.
type Guest[T any] struct {
	scope *scope.Scope
	loop  *loop
	main  func(ctx context.Context) (T, error)
	done  func(Outcome[T])
	open  seam.Guest
	out   Outcome[T]
}

var (
	// ErrInUse is returned by [Start] for a host that has a guest already.
	ErrInUse = errors.New("scope/guest: this host has a guest already: wait for its done, or spawn into its scope")
	// ErrGone is why a guest run is cancelled whose host calls no functions any
	// more, and what calls return that would have needed it.
	ErrGone = errors.New("scope/guest: the host is gone: it calls no functions any more")
	// ErrNoHost is returned by [RunOnHost] for a ctx that does not come from a
	// guest run.
	ErrNoHost = errors.New("scope/guest: ctx does not come from a guest run: pass the ctx of main, of a task below it, or one derived from those")
)

// Start begins a guest run: main becomes the body of a scope whose tasks are
// host tasks. They, and main, run on the host's thread only, a step at a time,
// inside functions that the host is asked to call; when they wait, the host goes
// on. When main and all its tasks have ended, done is called on the host's
// thread, exactly once, with what scope.Run would have returned.
//
// Start may be called on the host's thread, before its loop runs or later, or on
// any goroutine. It does not wait for main: on the host's thread it returns
// before main's first instruction. The run's scope is cancelled with ctx, and if
// ctx carries a scope it lies in that, which does not end before it: so do not
// wait for that scope on the host's thread. Its span is the root of a trace of
// its own, linked to that of ctx.
//
// The error is about the start only: a nil argument, a host that has a guest
// ([ErrInUse]), or one that panics when it is asked for the first time
// ([ErrGone]). Then nothing runs, and done is not called.
//
// It is Trio's start_guest_run.
func Start[T any](ctx context.Context, host Host, main func(ctx context.Context) (T, error), done func(Outcome[T])) (*Guest[T], error) {
	if err := refuse(ctx, host, main == nil, done == nil); err != nil {
		return nil, err
	}
	g := &Guest[T]{scope: scope.New(), main: main, done: done}
	l, err := newLoop(host, (*run[T])(g))
	if err != nil {
		return nil, err
	}
	g.loop = l
	g.open, err = seam.OpenOn(context.WithValue(ctx, loopKey{}, l), g.scope, l, reflect.ValueOf(main).Pointer())
	if err == nil {
		if err = l.start(); err != nil {
			_ = g.open.RunBody(func(context.Context) error { return nil })
		}
	}
	if err != nil {
		l.letGo()
		return nil, err
	}
	return g, nil
}

// refuse says what is wrong with the arguments of Start.
func refuse(ctx context.Context, host Host, noMain, noDone bool) error {
	switch {
	case ctx == nil:
		return errors.New("scope/guest: Start with a nil ctx: pass context.Background() at the root of a program")
	case host.RunSyncSoonThreadsafe == nil:
		return errors.New("scope/guest: Start with a nil Host.RunSyncSoonThreadsafe: pass what has a function called on the host's thread")
	case noMain:
		return errors.New("scope/guest: Start with a nil main: pass the function to run")
	case noDone:
		return errors.New("scope/guest: Start with a nil done: pass what hears of the end; it may ignore it")
	}
	return nil
}

// Cancel cancels main and everything in it, for cause; a nil one becomes a
// reason that says who called. Unless main succeeds all the same, or something
// fails, done gets the *scope.CanceledError. The first cause wins. Cancel does
// not wait.
func (g *Guest[T]) Cancel(cause error) {
	if cause == nil {
		cause = errors.New("cancelled by " + caller())
	}
	g.scope.Cancel(cause, scope.Raise())
}

func caller() string {
	pc, _, line, _ := runtime.Caller(2)
	return fmt.Sprintf("%s (line %d)", runtime.FuncForPC(pc).Name(), line)
}

// Done returns a channel that is closed when done has returned and the last of
// the run's goroutines is about to.
func (g *Guest[T]) Done() <-chan struct{} { return g.loop.over }

// run is a guest run as its loop knows it: the job that is main, and its end.
type run[T any] Guest[T]

// Strand is what main waits with.
func (r *run[T]) Strand() *park.Strand { return r.open.Strand() }

// Owner is the run's scope, whose body main is.
func (r *run[T]) Owner() any { return r.scope }

// Execute is main, from its first instruction to the end of its scope.
func (r *run[T]) Execute() {
	exiting := true // by Goexit, unless the call below returns
	defer func() {
		if exiting {
			r.ended(r.open.Verdict())
		}
	}()
	out := capture.Call(context.Background(), capture.Func(func(context.Context) error {
		return r.open.RunBody(r.body)
	}))
	exiting = false
	if out.Panic != nil {
		out.Err, _ = out.Panic.Value.(error) // Run raises nothing else
	}
	r.ended(out.Err)
}

func (r *run[T]) body(ctx context.Context) (err error) {
	if err := r.loop.whyLost(); err != nil { // its host was gone before it began
		return err
	}
	r.out.Value, err = r.main(ctx)
	return err
}

func (r *run[T]) ended(err error) {
	if err != nil {
		r.out = Outcome[T]{Err: err}
	}
	r.loop.mainEnded()
}

func (r *run[T]) finish() { r.done(r.out) }

func (r *run[T]) lose(err error) {
	r.open.Lose(err)
	r.out = Outcome[T]{Err: err}
}

func (r *run[T]) cancel(cause error) { r.scope.Cancel(cause, scope.Raise()) }
