package executor

import (
	"sync"
	"sync/atomic"

	"github.com/sourcegraph/conc"
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

// An Executor runs jobs on goroutines of its own. It belongs to one root
// scope, never to the package: a goroutine of a process-wide pool would
// deadlock a synctest bubble. The zero Executor is ready to use.
type Executor struct {
	goroutines conc.WaitGroup
	jobs       atomic.Int64 // that have come so far
	busy       atomic.Int64 // that have not ended
	resting    atomic.Int64 // length of idle
	ending     atomic.Bool

	mu     sync.Mutex // guards what follows
	idle   *worker    // a stack of goroutines at rest
	closed bool
}

// worker is a goroutine at rest. Its channel has room for the next job, so
// that handing it over never blocks; nil sends it home.
type worker struct {
	next *worker
	job  chan Job
}

// Go runs j on a goroutine at rest, or else on a new one. It never blocks.
func (e *Executor) Go(j Job) {
	e.jobs.Add(1)
	e.busy.Add(1)
	if w := e.wake(); w != nil {
		w.job <- j
		return
	}
	e.goroutines.Go(func() { e.work(j) })
}

// wake takes the goroutine that rests shortest off the stack, if there is one.
func (e *Executor) wake() *worker {
	if e.resting.Load() == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.idle
	if w != nil {
		e.idle, w.next = w.next, nil
		e.resting.Add(-1)
	}
	return w
}

// work runs j, and then whatever comes while the goroutine rests. A job that
// ends its goroutine by Goexit takes that out of the executor, no more.
func (e *Executor) work(j Job) {
	running := true
	defer func() {
		if running {
			e.busy.Add(-1)
		}
	}()
	for w := (*worker)(nil); ; j = <-w.job {
		if running = j != nil; !running {
			return
		}
		j.Execute()
		running = false
		e.busy.Add(-1)
		if w = e.rest(w); w == nil {
			return
		}
	}
}

// rest puts the calling goroutine to rest; nil means it is to go home: enough
// others rest, or the executor is ending and this was its last job.
func (e *Executor) rest(w *worker) *worker {
	if e.resting.Load() >= maxIdle || e.jobs.Load() < restAfter || e.ending.Load() && e.busy.Load() == 0 {
		return nil
	}
	if w == nil {
		w = &worker{job: make(chan Job, 1)}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.resting.Load() >= maxIdle {
		return nil
	}
	w.next, e.idle = e.idle, w
	e.resting.Add(1)
	return w
}

// Ending says that no job will come from outside any more, only from jobs: the
// last of them need not rest.
func (e *Executor) Ending() { e.ending.Store(true) }

// Close sends the goroutines at rest home and waits until all have ended.
// Every job must have ended, and none may come.
func (e *Executor) Close() {
	if e.jobs.Load() == 0 {
		return
	}
	e.mu.Lock()
	e.closed = true
	w := e.idle
	e.idle = nil
	e.mu.Unlock()
	for w != nil {
		next := w.next
		w.job <- nil
		w = next
	}
	e.goroutines.Wait()
}

// Detach runs f on a goroutine that nobody waits for. It is what abandoning a
// blocking call means, and the one go statement of the library.
func Detach(f func()) {
	go f()
}
