package seam

import "github.com/corral-go/corral/internal/executor"

// A Host is the loop of a guest run, for who measures how soon it gets to
// things.
type Host interface {
	// Name is that of the run's scope.
	Name() string
	// Soon has fn called on the host's thread, in its turn among the host tasks.
	// It reports false if the run has ended.
	Soon(fn func()) bool
	// Ready is how many host tasks wait for their turn.
	Ready() int
	// Watch tells o of every step, until off is called.
	Watch(o Onlooker) (off func())
}

// An Onlooker is told who has the host's thread, on that thread.
type Onlooker interface {
	// Begin says that a step begins: of a *scope.Child, of the body of a
	// *scope.Scope, of what one of these has given to RunOnHost, or of nobody
	// (nil).
	Begin(owner any)
	// End says that it is over.
	End()
}

// HostOf returns the loop of the host task that calls it, or nil if none does.
// Package guest sets it; nil: there is no guest run.
var HostOf func() Host

// An Owned is a job that belongs to a *scope.Child or *scope.Scope.
type Owned interface {
	executor.Job
	Owner() any
}
