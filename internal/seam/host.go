package seam

import (
	"context"

	"github.com/corral-go/corral/internal/executor"
)

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
	// Done is closed when the run has ended.
	Done() <-chan struct{}
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

// HostOf returns the loop of the guest run that ctx comes from, by its values, or
// else of the host task that calls it; nil if there is none. Package guest sets
// it, if it is there.
var HostOf func(ctx context.Context) Host

// An Owned is a job that belongs to a *scope.Child or *scope.Scope.
type Owned interface {
	executor.Job
	Owner() any
}
