package executor

import (
	"sync"

	"github.com/sourcegraph/conc"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/ring"
)

// maxIdle is how many goroutines an executor keeps for the next job. More buy
// nothing on the machines measured, and every one is a stack kept warm.
const maxIdle = 8

// restAfter is from how many jobs on goroutines rest at all: in a scope that
// runs a few and ends, sending them home again costs more than it saves.
const restAfter = 8

// A Job is something to run. It must not panic; package capture sees to that.
type Job interface {
	Execute()
}

// A Runner runs what a scope has to run: an [Executor] does, and the loop of a
// host that has lent its thread.
type Runner interface {
	// Go has the job of a task run, soon; it never blocks.
	Go(j Job)
	// Aside has j run on a goroutine, come what may: it blocks, and not by a
	// wait of ours.
	Aside(j Job)
	// Ending says that no job will come from outside any more.
	Ending()
	// Close waits until nothing is left. Every job must have ended, and none may
	// come.
	Close()
}

// An Executor runs jobs on goroutines of its own. It belongs to one root
// scope, never to the package: a goroutine of a process-wide pool would
// deadlock a synctest bubble. The zero Executor is ready to use.
//
// While jobs wait, one goroutine is under way for them, and before it runs the
// first it has the next one come: so jobs that block never hold up others, and
// a burst of short jobs needs few goroutines, since one that has ended its job
// takes what still waits.
type Executor struct {
	goroutines conc.WaitGroup

	mu      sync.Mutex     // guards the rest
	first   Job            // of those that wait: most often there is one, and then it takes no memory
	waiting ring.Ring[Job] // the others, in the order they came
	coming  int32          // goroutines that were started or woken and have not taken a job; positive while jobs wait
	busy    int32          // goroutines that run a job
	idle    *worker        // a stack of goroutines at rest
	resting int32          // its length
	seen    uint32         // jobs so far, as long as they are few
	ending  bool
	closed  bool
	quiet   chan struct{} // closed when none is coming; made by Close if it has to wait for that
	loop    func()        // work, as a value that is made once
}

// worker is a goroutine at rest. Its channel has room for the one signal that
// ends the rest.
type worker struct {
	next *worker
	up   chan struct{}
}

// Go has j run on a goroutine that is free, or else on a new one. It never
// blocks.
func (e *Executor) Go(j Job) {
	e.mu.Lock()
	if e.seen < restAfter {
		e.seen++
	}
	if e.first == nil && e.waiting.Len() == 0 {
		e.first = j
	} else {
		e.waiting.Push(j)
	}
	call, w := e.callLocked()
	e.mu.Unlock()
	if call {
		e.call(w)
	}
}

// callLocked decides whether a goroutine has to come for the jobs that wait,
// and which: one at rest, or nil for a new one.
func (e *Executor) callLocked() (call bool, w *worker) {
	if e.coming > 0 || e.first == nil && e.waiting.Len() == 0 {
		return false, nil
	}
	e.coming++
	if w = e.idle; w != nil {
		e.idle, w.next = w.next, nil
		e.resting--
	} else if e.loop == nil {
		e.loop = e.work
	}
	return true, w
}

// call has the goroutine come that callLocked has chosen.
func (e *Executor) call(w *worker) {
	if w != nil {
		w.up <- struct{}{}
		return
	}
	e.goroutines.Go(e.loop)
}

// Aside is [Executor.Go].
func (e *Executor) Aside(j Job) { e.Go(j) }

// work runs jobs, and rests between them. A job that ends its goroutine by
// Goexit takes that out of the executor, no more.
func (e *Executor) work() {
	running := false
	defer func() {
		if running {
			e.mu.Lock()
			e.busy--
			e.mu.Unlock()
		}
	}()
	var w *worker
	park.Yield()
	for {
		j, rest := e.next(&w, running)
		switch {
		case j != nil:
			running = true
			j.Execute()
		case rest:
			running = false
			<-w.up
			park.Yield()
		default:
			running = false
			return
		}
	}
}

// next says what the calling goroutine does next: run a job, rest, or go home.
// It goes home if enough others rest, or if the executor is ending and no job
// is left that could bring another.
func (e *Executor) next(w **worker, ran bool) (j Job, rest bool) {
	e.mu.Lock()
	if ran {
		e.busy--
	} else {
		e.coming--
		if e.coming == 0 && e.quiet != nil {
			close(e.quiet)
			e.quiet = nil
		}
	}
	if j = e.takeLocked(); j != nil {
		e.busy++
		call, next := e.callLocked()
		e.mu.Unlock()
		if call {
			e.call(next)
		}
		return j, false
	}
	defer e.mu.Unlock()
	if e.closed || e.resting >= maxIdle || e.seen < restAfter || e.ending && e.busy == 0 {
		return nil, false
	}
	if *w == nil {
		*w = &worker{up: make(chan struct{}, 1)}
	}
	(*w).next, e.idle = e.idle, *w
	e.resting++
	return nil, true
}

// takeLocked takes the job that has waited longest, or nil.
func (e *Executor) takeLocked() (j Job) {
	switch {
	case e.first != nil:
		j, e.first = e.first, nil
	case e.waiting.Len() > 0:
		j = e.waiting.Pop()
	}
	return j
}

// Ending says that no job will come from outside any more, only from jobs: the
// last of them need not rest.
func (e *Executor) Ending() {
	e.mu.Lock()
	e.ending = true
	e.mu.Unlock()
}

// Close sends the goroutines at rest home and waits until all have ended.
// Every job must have ended, and none may come.
func (e *Executor) Close() {
	e.mu.Lock()
	if e.seen == 0 {
		e.mu.Unlock()
		return
	}
	e.closed = true
	w := e.idle
	e.coming += e.resting
	e.idle, e.resting = nil, 0
	var quiet chan struct{}
	if e.coming > 0 {
		quiet = make(chan struct{})
		e.quiet = quiet
	}
	e.mu.Unlock()
	for w != nil {
		next := w.next
		w.up <- struct{}{}
		w = next
	}
	// A Go may still be about to start a goroutine for a job that another one
	// has run meanwhile. To count it in while Wait looks would be too late.
	if quiet != nil {
		<-quiet
	}
	e.goroutines.Wait()
}

// Detach runs f on a goroutine that nobody waits for. It is what abandoning a
// blocking call means, and the one go statement of the library.
func Detach(f func()) {
	go f()
}
