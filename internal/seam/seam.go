// Package seam is the door between package scope and the packages that build
// on its tasks. What passes through it is not for users, so it is not in the
// public API; scope and task fill it in when they are initialised.
package seam

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
)

// Spawn starts a task in a Child that its owner embeds. Its type is
//
//	func(ctx context.Context, c *scope.Child, job capture.Job, fn uintptr, opts []scope.TaskOption)
//
// where fn is the code pointer of the user's function, for its name.
var Spawn any

// A Finisher is a job that wants to know when its task is done: Finished is
// called on the task's goroutine, after Done closed and before the scope lets
// go of the task; for a task that was refused, on its spawner's. Its error, if
// any, is a panic of a callback; handled is the failure that the task's error
// handler took care of, or nil. It is called once, and again, to go on, each
// time a callback ends the goroutine by Goexit.
type Finisher interface {
	Finished(handled error) error
}

// These take the *scope.Child or *scope.Scope as an any.
var (
	// ChildLatch returns what closes when the task is done.
	ChildLatch func(child any) *park.Latch
	// Contains reports whether p is the task, or somewhere inside it.
	Contains func(child any, p *park.Place) bool
	// StrandOf returns the strand that the task runs on.
	StrandOf func(child any) *park.Strand
	// PathOf returns the path of the task, or of the scope.
	PathOf func(owner any) string
	// CancelKind cancels a scope with a scope.Kind other than explicit, on
	// behalf of ctx.
	CancelKind func(scope any, kind uint8, reason error, by context.Context)
)

// These take a place, for who holds something.
var (
	// Line returns where the line of execution that p is on begins: the task,
	// or else the body of the root scope.
	Line func(p *park.Place) *park.Place
	// EndOf returns what closes when the task is done, or when the body has
	// returned; nil if that has happened.
	EndOf func(p *park.Place) *park.Latch
	// InBackground reports whether p is in a Background task.
	InBackground func(p *park.Place) bool
)

// These take a task, future or child. Package task sets them.
var (
	// LatchOf returns what closes when aw is done, or nil if aw is none of ours.
	LatchOf func(aw any) *park.Latch
	// StateOf returns the scope.State of an aw that LatchOf knows, whatever
	// methods a type that embeds it may have.
	StateOf func(aw any) uint8
	// SpanOf returns the span of aw, if it has one.
	SpanOf func(aw any) trace.SpanContext
)

// OpenOn enters a *scope.Scope whose tasks, and whose body, r runs; fn is the
// code pointer of the user's function, for its name. It fails as Run does.
var OpenOn func(ctx context.Context, scope any, r executor.Runner, fn uintptr) (Guest, error)

// A Guest is the scope of a guest run, entered.
type Guest interface {
	// Strand is what the body waits with.
	Strand() *park.Strand
	// RunBody runs the body to the scope's end, and returns or raises what Run
	// does.
	RunBody(body func(ctx context.Context) error) error
	// Verdict is what Run would have returned, or raised, had the body not ended
	// its goroutine.
	Verdict() error
	// Lose ends the scope in the tree though its tasks have not ended, and never
	// will: their host is gone.
	Lose(err error)
}

// A Stranded is a job that has a strand, which is to be bound to what runs it.
type Stranded interface {
	executor.Job
	Strand() *park.Strand
}

// For tests: with Hosted, a root scope is run by RunHosted (package guest sets
// it), and all of its tasks are host tasks, on the loop of a host of their own.
// So the suites of other packages run a second time.
var (
	Hosted    bool
	RunHosted func(ctx context.Context, scope any, body func(ctx context.Context) error) error
)

// These are for testkit, and off until it guards a test.
var (
	// Watching has scopes entered from now on label their goroutines (see
	// LabelKey), and from 2 on keep where they and their tasks come from.
	Watching atomic.Int32
	// Dropped is called when a future that was made meanwhile has become
	// unreachable without a result, with the place (or nil) and the stack of its
	// maker. It is called on the runtime's finalizer goroutine.
	Dropped atomic.Pointer[func(name string, at *park.Place, maker []uintptr)]
	// WasCanceled reports whether the scope or task of p has ended and had been
	// cancelled. It does not touch channels, which may be a bubble's.
	WasCanceled func(p *park.Place) bool
	// Sites returns, by id, where each open scope was run and each of its tasks
	// was spawned.
	Sites func() map[uint64][]uintptr
	// Roots returns the open root scopes, each a *scope.Scope, by id. Who looks
	// into one that is being cancelled has to be in its synctest bubble, if it is
	// in one: a cancelled context answers by receiving from its channel.
	Roots func() map[uint64]any
)

// LabelKey is the key of the profiler label that the goroutines of a watched
// scope carry, and what they start with a bare go statement inherits: the
// scope's path, a "#" and its id.
const LabelKey = "corral.scope"
