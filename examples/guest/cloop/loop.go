// Package cloop is an event loop written in C, as a toolkit would bring it: it
// owns the thread it runs on, and calls back into Go. It may be run again from
// within a callback, as for a modal dialog. There is one per process.
package cloop

// #cgo LDFLAGS: -lpthread
// #include "loop.h"
import "C"

import (
	"runtime"
	"sync"
)

var calls struct {
	mu   sync.Mutex // guards the rest
	fns  map[int]func()
	last int
}

// Run runs the loop on the calling goroutine, until Quit.
func Run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.loop_run()
}

// Post has fn called by the innermost running loop. It may be called on any
// goroutine and does not wait.
func Post(fn func()) {
	calls.mu.Lock()
	if calls.fns == nil {
		calls.fns = make(map[int]func())
	}
	calls.last++
	id := calls.last
	calls.fns[id] = fn
	calls.mu.Unlock()
	C.loop_post(C.int(id))
}

// Quit ends the innermost running loop, when it has called what was posted
// before.
func Quit() { C.loop_post(0) }

//export goCall
func goCall(id C.int) {
	calls.mu.Lock()
	fn := calls.fns[int(id)]
	delete(calls.fns, int(id))
	calls.mu.Unlock()
	fn()
}
