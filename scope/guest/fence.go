package guest

import (
	"runtime"
	"sync/atomic"

	"github.com/corral-go/corral/internal/gid"
)

// A fence keeps ticks away from where the runtime would end the process: on
// another thread than the first tick's, if that was locked, or under other locks
// or more or fewer C callbacks on the stack than there. It does not see a second
// runtime.LockOSThread of a goroutine that has one already: nothing tells.
type fence struct {
	first    bool // it was passed before
	isLocked atomic.Bool
	last     uintptr // the goroutine that passed last
	depth    int     // of C callbacks
	known    map[uintptr]bool
}

type verdict uint8

const (
	passed verdict = iota
	elsewhere
	unlike
	nested
)

// raise tells the host that it is mistaken. That a tick was put off because of
// a nested loop is no mistake.
func (v verdict) raise() {
	switch v {
	case elsewhere:
		panic("scope/guest: the host has called a function on another goroutine than the first, which was locked to its thread: call all of them on that one")
	case unlike:
		panic("scope/guest: the host has called a function on a goroutine that is locked to its thread, unlike the first: lock the thread before guest.Start, or not at all")
	}
}

// judge says whether a tick may run here.
func (f *fence) judge() verdict {
	self, depth := gid.Current(), f.callbacks()
	switch {
	case !f.first:
		f.first, f.depth = true, depth
		f.isLocked.Store(gid.Locked())
	case self == f.last:
	case f.isLocked.Load():
		return elsewhere
	case gid.Locked():
		return unlike
	}
	if depth != f.depth {
		return nested
	}
	f.last = self
	return passed
}

func (f *fence) locked() bool { return f.isLocked.Load() }

// callbacks counts the C callbacks on the stack.
func (f *fence) callbacks() (depth int) {
	if runtime.NumCgoCall() == 0 { // so C has never called back
		return 0
	}
	var pcs [64]uintptr
	for skip := 0; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			if f.isCallback(pc) {
				depth++
			}
		}
		if n < len(pcs) {
			return depth
		}
	}
}

// isCallback reports whether pc is where a C callback calls Go.
func (f *fence) isCallback(pc uintptr) bool {
	is, known := f.known[pc]
	if !known {
		fn := runtime.FuncForPC(pc - 1)
		is = fn != nil && fn.Name() == "runtime.cgocallbackg1"
		if f.known == nil {
			f.known = make(map[uintptr]bool)
		}
		f.known[pc] = is
	}
	return is
}
