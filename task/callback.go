package task

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/scope"
)

// Callback identifies one registration of a done callback, for
// RemoveDoneCallback. A nil Callback identifies none.
type Callback struct{ call func() }

// callbacks are the done callbacks of one future or task: they run once each,
// in the order they were added, on the goroutine that has finished it; one that
// is added when they have run, on the goroutine that adds it. Its pointer is
// nil while there are none, and spent when none will be kept.
type callbacks struct{ list atomic.Pointer[registrations] }

type registrations struct {
	mu      sync.Mutex // guards the rest; not held while a callback runs
	waiting []*Callback
	panics  []error // of those that have run
	over    bool    // all have run: later ones run at once
}

// spent stands for no registrations, and none to come.
var spent = new(registrations)

func (cs *callbacks) add(call func()) *Callback {
	cb := &Callback{call: call}
	if !cs.keep(cb) {
		if err := cb.run(); err != nil {
			panic(err)
		}
	}
	return cb
}

// keep lists cb. It reports false if it is too late for that.
func (cs *callbacks) keep(cb *Callback) bool {
	r := cs.list.Load()
	if r == nil {
		cs.list.CompareAndSwap(nil, new(registrations))
		r = cs.list.Load()
	}
	if r == spent {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.waiting = append(r.waiting, cb)
	}
	return !r.over
}

func (cs *callbacks) remove(cbs []*Callback) (removed int) {
	r := cs.list.Load()
	if r == nil || r == spent {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cb := range cbs {
		if i := slices.Index(r.waiting, cb); i >= 0 && cb != nil {
			r.waiting = slices.Delete(r.waiting, i, i+1)
			removed++
		}
	}
	return removed
}

// run runs every callback, those added meanwhile included, and returns their
// panics. If one ends the goroutine by Goexit, run does not return; called
// again, it goes on with the next.
func (cs *callbacks) run() []error {
	if cs.spend() {
		return nil
	}
	r := cs.list.Load()
	for cb := r.next(); cb != nil; cb = r.next() {
		if err := cb.run(); err != nil {
			r.panics = append(r.panics, err) // nobody else has it
		}
	}
	return r.panics
}

// finish is run for one who does not call again: it raises the panics.
func (cs *callbacks) finish() {
	if cs.spend() {
		return
	}
	exiting := true
	defer func() {
		if exiting {
			cs.finish()
		}
	}()
	err := joined(cs.run())
	exiting = false
	if err != nil {
		panic(err)
	}
}

// spend reports whether there are none; then none will be kept.
func (cs *callbacks) spend() bool {
	return cs.list.CompareAndSwap(nil, spent) || cs.list.Load() == spent
}

func (r *registrations) next() *Callback {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		r.waiting, r.over = nil, true
		return nil
	}
	cb := r.waiting[0]
	r.waiting[0] = nil
	r.waiting = r.waiting[1:]
	return cb
}

// run calls the callback and returns its panic.
func (cb *Callback) run() error {
	out := capture.Call(context.Background(), cb)
	if out.Panic != nil {
		return panicError(out.Panic)
	}
	return nil
}

// Run is the callback as a job.
func (cb *Callback) Run(context.Context) error {
	cb.call()
	return nil
}

func panicError(p *capture.Panic) error {
	if again, ok := p.Value.(*scope.PanicError); ok {
		return again
	}
	return &scope.PanicError{Value: p.Value, Stack: p.Stack}
}

// joined returns nil, the one error, or all joined.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
