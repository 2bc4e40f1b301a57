package guest

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
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
	clear    uintptr // the goroutine that had none when last looked at
	calls    int64   // of C, in the process, at that time
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
	self := gid.Current()
	depth := f.callbacks(self)
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

// unasked is how many calls of C there may have been while C has not called
// back: one is the runtime's own when the program starts. In a library it is C
// that calls first.
var unasked = sync.OnceValue(func() int64 {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-buildmode" && (s.Value == "exe" || s.Value == "pie")
	}) {
		return 1
	}
	return 0
})

// callbacks counts the C callbacks on the stack. There are none if C was not
// called since there were none.
func (f *fence) callbacks(self uintptr) int {
	calls := runtime.NumCgoCall()
	if calls <= unasked() || self == f.clear && calls == f.calls {
		return 0
	}
	depth := f.count()
	if f.clear = 0; depth == 0 {
		f.clear, f.calls = self, calls
	}
	return depth
}

// count counts them.
func (f *fence) count() (depth int) {
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
