package sync

import "sync/atomic"

// A ResourceGuard says, loudly, that something was used by two at a time that
// only one may use: it makes nobody wait. It is AnyIO's and Trio's
// ResourceGuard. Make it with [NewResourceGuard]; it must not be copied.
type ResourceGuard struct {
	action string
	in     atomic.Bool
}

// NewResourceGuard returns a guard that nobody has entered. action is what
// users of the resource do, for the error: "using", "reading from".
func NewResourceGuard(action string) *ResourceGuard { return &ResourceGuard{action: action} }

// Enter enters the guard, or returns an error that Is [ErrBusy] and says what
// somebody else is doing.
func (g *ResourceGuard) Enter() error {
	if g.in.CompareAndSwap(false, true) {
		return nil
	}
	return &busyError{g.action}
}

// Exit leaves the guard. It panics if nobody has entered it.
func (g *ResourceGuard) Exit() {
	if !g.in.CompareAndSwap(true, false) {
		panic("sync: ResourceGuard.Exit without Enter: call it once for each Enter that returned nil")
	}
}

type busyError struct{ action string }

func (e *busyError) Error() string {
	action := e.action
	if action == "" {
		action = "using"
	}
	return "sync: resource is busy: another task is already " + action + " it"
}

func (e *busyError) ErrorType() string { return "busy" }
func (e *busyError) Unwrap() error     { return ErrBusy }
