package task

import (
	"context"
	"errors"
	"sync"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/scope"
)

// Callback identifies one registration of a done callback, for
// RemoveDoneCallback. A nil Callback identifies none.
type Callback struct {
	call func()
	of   *callbacks
}

// callbacks are the done callbacks of one future or task: they run once each,
// in the order they were added, on the goroutine that has finished it, or on
// the one that adds them if it is finished.
type callbacks struct {
	mu   sync.Mutex // guards the rest; not held while a callback runs
	list []*Callback
	over bool // the list was taken over by run: later ones run at once
}

func (cs *callbacks) add(call func()) *Callback {
	cb := &Callback{call: call, of: cs}
	cs.mu.Lock()
	late := cs.over
	if !late {
		cs.list = append(cs.list, cb)
	}
	cs.mu.Unlock()
	if late {
		raise(runAll(func() *Callback { next := cb; cb = nil; return next }))
	}
	return cb
}

func (cs *callbacks) remove(cbs []*Callback) (removed int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, cb := range cbs {
		for i, c := range cs.list {
			if c == cb && cb != nil {
				cs.list = append(cs.list[:i:i], cs.list[i+1:]...)
				removed++
				break
			}
		}
	}
	return removed
}

// run runs every callback; what is added from now on runs at once. It returns
// their panics.
func (cs *callbacks) run() []error {
	cs.mu.Lock()
	cs.over = true
	none := len(cs.list) == 0
	cs.mu.Unlock()
	if none {
		return nil
	}
	return runAll(cs.next)
}

func (cs *callbacks) next() *Callback {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.list) == 0 {
		cs.list = nil
		return nil
	}
	cb := cs.list[0]
	cs.list = cs.list[1:]
	return cb
}

// runAll runs callbacks until next returns nil. Neither a panic nor a Goexit of
// one stops the others.
func runAll(next func() *Callback) []error {
	r := &callbackRun{next: next}
	r.run()
	return r.panics
}

// callbackRun is one pass over callbacks. It is its own job and sink, so that
// it can go on when a callback ends the goroutine.
type callbackRun struct {
	next   func() *Callback
	now    *Callback
	panics []error
}

func (r *callbackRun) run() {
	for r.now = r.next(); r.now != nil; r.now = r.next() {
		capture.Do(context.Background(), r, r)
	}
}

// Run calls the callback whose turn it is.
func (r *callbackRun) Run(context.Context) error {
	r.now.call()
	return nil
}

// End keeps a panic. After a Goexit it runs the others first, while the
// goroutine is ending.
func (r *callbackRun) End(out capture.Outcome) {
	if out.Panic != nil {
		r.panics = append(r.panics, panicError(out.Panic))
	}
	if out.Goexit {
		r.run()
	}
}

func panicError(p *capture.Panic) error {
	if again, ok := p.Value.(*scope.PanicError); ok {
		return again
	}
	return &scope.PanicError{Value: p.Value, Stack: p.Stack}
}

// raise raises the panics of callbacks on the goroutine that ran them.
func raise(panics []error) {
	if err := joined(panics); err != nil {
		panic(err)
	}
}

// joined returns nil, the one error, or all joined.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
