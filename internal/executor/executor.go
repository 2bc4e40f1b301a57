package executor

import (
	"sync"

	"github.com/sourcegraph/conc"
)

// maxIdle is how many goroutines an executor keeps for the next job. More buy
// nothing on the machines measured, and every one is a stack kept warm.
const maxIdle = 8

// A Job is something to run. It must not panic; package capture sees to that.
type Job interface {
	Execute()
}

// An Executor runs jobs on goroutines of its own. It belongs to one root
// scope, never to the package: a goroutine of a process-wide pool would
// deadlock a synctest bubble. The zero Executor is ready to use.
type Executor struct {
	goroutines conc.WaitGroup

	mu      sync.Mutex // guards what follows
	idle    *worker    // a stack of workers at rest
	resting int
	busy    int
	ending  bool
}

// worker is a goroutine at rest. Its channel has room for the next job, so
// that handing it over never blocks; nil sends it home.
type worker struct {
	next *worker
	job  chan Job
}

// Go runs j on a goroutine at rest, or else on a new one. It never blocks.
func (e *Executor) Go(j Job) {
	e.mu.Lock()
	e.busy++
	w := e.idle
	if w != nil {
		e.idle, w.next = w.next, nil
		e.resting--
	}
	e.mu.Unlock()
	if w != nil {
		w.job <- j
		return
	}
	e.goroutines.Go(func() { e.work(j) })
}

// work runs j, and then whatever comes while the goroutine rests. A job that
// ends its goroutine by Goexit takes it out of the executor, no more.
func (e *Executor) work(j Job) {
	var w *worker
	settled := false
	defer func() {
		if !settled {
			e.mu.Lock()
			e.busy--
			e.mu.Unlock()
		}
	}()
	for j != nil {
		j.Execute()
		settled = true
		if w = e.rest(w); w == nil {
			return
		}
		j = <-w.job
		settled = false
	}
	settled = true
}

// rest puts the calling goroutine to rest; nil means it is to go home: enough
// others rest, or the executor is ending and this was its last job.
func (e *Executor) rest(w *worker) *worker {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy--
	if e.resting >= maxIdle || e.ending && e.busy == 0 {
		return nil
	}
	if w == nil {
		w = &worker{job: make(chan Job, 1)}
	}
	w.next, e.idle = e.idle, w
	e.resting++
	return w
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
	e.ending = true
	w := e.idle
	e.idle, e.resting = nil, maxIdle
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
