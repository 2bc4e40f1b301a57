package park

import (
	"context"
	"sync/atomic"
)

// A Step is how far a wait has come.
type Step uint8

// The steps of a wait.
const (
	Entering Step = iota // nothing was done yet: the wait can still be refused
	Parked               // it stands in line, and nobody's lock is held
	Woken                // it is over, and was served or cancelled
	Refused              // it was cancelled before it began
)

var fault atomic.Pointer[func(context.Context, Step) error]

// SetFault has f called at every step of every wait that a ctx can cancel,
// until it is called with nil. What f returns at Entering is what the wait
// returns; at the other steps that is ignored. It is for testkit.
func SetFault(f func(context.Context, Step) error) {
	if f == nil {
		fault.Store(nil)
		return
	}
	fault.Store(&f)
}

// Enter is how a wait begins whose caller can be given an error: with [Check],
// and with the point where a test may have it fail.
func Enter(ctx context.Context) error { return enterAt(ctx, PlaceOf(ctx)) }

func enterAt(ctx context.Context, p *Place) error {
	err := checkAt(ctx, p)
	if fault.Load() == nil {
		return err
	}
	if err != nil {
		_ = atStep(ctx, Refused)
		return err
	}
	return atStep(ctx, Entering)
}

//go:noinline
func atStep(ctx context.Context, s Step) error {
	if f := fault.Load(); f != nil && ctx != nil {
		return (*f)(ctx, s)
	}
	return nil
}
