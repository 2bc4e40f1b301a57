package park

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Coroutine is a line of execution that has no goroutine to block: it runs on
// a thread that belongs to somebody else, and waits by giving that back. A host
// task of a guest run is one.
type Coroutine interface {
	// Suspend gives the thread back until Resume was called. Only the coroutine
	// itself calls it.
	Suspend()
	// Resume has it go on on its thread, soon. It is called once for every
	// Suspend, perhaps before that has begun, from any goroutine, and under
	// locks: it neither blocks nor calls user code.
	Resume()
	// Calls counts the timers and context callbacks that may still come. Who
	// owns the coroutine waits for them at the end.
	Calls() *sync.WaitGroup
}

// Bind makes s the strand of a coroutine; nil, of a goroutine. It must be
// called before s runs.
func (s *Strand) Bind(co Coroutine) { s.co = co }

// Elsewhere reports whether s is the strand of a coroutine, and the caller is
// not on any.
func (s *Strand) Elsewhere() bool { return s.co != nil && Current() == nil }

var current atomic.Pointer[func() Coroutine]

// SetCurrent says how to find the coroutine that the caller runs on, while there
// are coroutines; nil: there are none any more.
func SetCurrent(f func() Coroutine) {
	if f == nil {
		current.Store(nil)
		return
	}
	current.Store(&f)
}

// Current returns the coroutine that the caller runs on, or nil if that is an
// ordinary goroutine.
func Current() Coroutine {
	if f := current.Load(); f != nil {
		return (*f)()
	}
	return nil
}

// mustBeHome refuses to wait on a goroutine with the ctx of a coroutine. To
// block that goroutine would be safe, but the caller believes to be somewhere
// else; and who iterates over a host task with iter.Pull would freeze the host.
// It is asked before anything is locked or changed. What waits all the same (a
// spawn beyond a limit, the end of a scope) blocks the goroutine.
func (p *Place) mustBeHome() {
	if p != nil && p.Strand.Elsewhere() {
		panic("scope/guest: a wait on another goroutine with the ctx of a host task: that ctx is for the host task itself; open a scope there (scope.Run), or hand over to a task")
	}
}

// Pass lets others run: goroutines, or, on a coroutine, those that share its
// thread.
func Pass() {
	if co := Current(); co != nil {
		co.Resume()
		co.Suspend()
		return
	}
	runtime.Gosched()
}

// suspend parks a coroutine. It cannot select on what may end the wait, so
// callbacks claim the waiter instead. One that comes late finds another
// sequence number and changes nothing.
func (w *Waiter) suspend(watched context.Context, d time.Duration) {
	at := w.state.Load()&^phaseMask | parked
	calls := w.co.Calls()
	call := func(phase uint64) func() {
		calls.Add(1)
		return func() {
			defer calls.Done()
			w.claimAt(at, phase)
		}
	}
	if watched != nil && watched.Done() != nil {
		stop := context.AfterFunc(watched, call(canceled))
		defer func() {
			if stop() {
				calls.Done()
			}
		}()
	}
	if d > 0 {
		alarm := time.AfterFunc(d, call(rang))
		defer func() {
			if alarm.Stop() {
				calls.Done()
			}
		}()
	}
	w.co.Suspend()
}

// claimAt claims and wakes a waiter that is parked in the wait that at says.
func (w *Waiter) claimAt(at, phase uint64) {
	if w.state.CompareAndSwap(at, at&^phaseMask|phase) {
		w.wake()
	}
}
