package guest

import (
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/gid"
	"github.com/corral-go/corral/internal/seam"
)

// A coroutine runs jobs on the host's thread, one after the other, a step at a
// time. The runtime ends the process if one is created, resumed or stopped on
// another thread than the one that has created it, if that is locked, or with
// other locks on it. So all three happen in ticks only, and a tick has passed
// the fence.
type coroutine struct {
	loop  *loop
	job   executor.Job
	owner any        // of the job, or nil
	link  *coroutine // in the loop's list of idle ones
	self  atomic.Uintptr
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

func newCoroutine(l *loop) *coroutine {
	c := &coroutine{loop: l}
	c.next, c.stop = iter.Pull(c.live)
	return c
}

// take gives the coroutine its next job.
func (c *coroutine) take(j executor.Job) {
	c.job, c.owner = j, nil
	if o, ok := j.(seam.Owned); ok {
		c.owner = o.Owner()
	}
	if s, ok := j.(seam.Stranded); ok {
		s.Strand().Bind(c)
	}
}

// live is the coroutine's life: a job, and the next, until it is stopped or
// nobody needs it.
func (c *coroutine) live(yield func(struct{}) bool) {
	c.yield = yield
	c.self.Store(gid.Current())
	running := true
	defer func() {
		if running {
			c.died(recover())
		}
	}()
	for {
		job := c.job
		c.job = nil
		job.Execute()
		c.owner = nil
		if !c.loop.rest(c) || !yield(struct{}{}) {
			break
		}
	}
	running = false
}

// died is the end of a coroutine by Goexit. iter.Pull would have its caller,
// which is the host, exit too; a panic takes the place of that, and step
// recovers it. There is no other panic: jobs capture theirs.
func (c *coroutine) died(v any) {
	c.loop.died()
	if v == nil {
		v = errExited
	}
	panic(v)
}

var errExited = errors.New("scope/guest: a host task has ended its coroutine")

// resume runs the coroutine until it waits, or has ended its job.
func (c *coroutine) resume() {
	c.loop.current.Store(c)
	looking := c.loop.onlookers.begin(c.owner)
	defer func() {
		c.loop.current.Store(nil)
		looking.end()
		if v := recover(); v != nil && v != any(errExited) {
			panic(v)
		}
	}()
	c.next()
}

// Suspend gives the thread back to the host until the coroutine is resumed.
func (c *coroutine) Suspend() {
	if !c.yield(struct{}{}) {
		panic("scope/guest: internal error: a coroutine was stopped while it waited")
	}
}

// Resume has the coroutine go on, in a tick to come.
func (c *coroutine) Resume() { c.loop.push(item{co: c}) }

// Calls counts what may still claim the waits of coroutines.
func (c *coroutine) Calls() *sync.WaitGroup { return &c.loop.calls }

// rest keeps a coroutine whose job has ended for the next one; false: enough
// others rest.
func (l *loop) rest(c *coroutine) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active--
	if l.idling >= maxIdle {
		return false
	}
	c.link, l.idle = l.idle, c
	l.idling++
	return true
}

// died takes a coroutine out of the count.
func (l *loop) died() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active--
}
