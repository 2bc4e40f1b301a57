package guest

import (
	"sync"
	"sync/atomic"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/gid"
	"github.com/corral-go/corral/internal/seam"
)

// A loop runs host tasks on a host's thread. It is the executor.Runner of the
// guest run's scope.
//
// What is ready stands in one queue, first come first served: coroutines that
// go on, and jobs that begin. If it is not empty, the host has been asked for a
// tick, or one runs. A tick runs what was ready at its start, and then leaves
// the host time for its own events.
//
//	quiet → asked → ticking → quiet | asked | closed
//
// Somebody who makes another ready may hold locks, so he must not call code of
// the host's, which may block, or hold a lock itself: a goroutine does the
// asking, the messenger. In a tick nothing is held, and the loop asks directly.
type loop struct {
	host Host
	id   identity
	run  running
	over chan struct{} // closed at the very end, by the messenger

	calls     sync.WaitGroup            // timers and context callbacks of waits
	aside     executor.Executor         // goroutines for calls that block
	current   atomic.Pointer[coroutine] // the one whose step it is
	thread    atomic.Uintptr            // the goroutine that ticks, or the one that is the host
	fence     fence                     // who has set ticking
	onlookers onlookers

	mu      sync.Mutex // guards the rest; a leaf: nothing is locked under it
	ready   ready
	idle    *coroutine // coroutines without a job
	idling  int        // their number
	active  int        // coroutines with a job
	asked   bool       // the host was asked for a tick, or the messenger to ask it
	ticking bool
	late    int // how often in a row a tick was put off
	ended   bool
	closed  bool          // the run is over: nothing begins any more
	lost    error         // why the host is gone, or nil
	asks    chan struct{} // to the messenger; room for one
	messages
}

// running is the guest run that a loop belongs to.
type running interface {
	seam.Stranded       // main
	cancel(cause error) // the host is gone
	lose(err error)     // and its tasks with it
	finish()            // tells done
}

type loopKey struct{}

// batch bounds how much one tick runs.
const batch = 256

// maxIdle is how many coroutines are kept for the next job.
const maxIdle = 8

func newLoop(host Host, run running) (*loop, error) {
	l := &loop{
		host: host, id: identify(host.RunSyncSoonThreadsafe), run: run,
		over: make(chan struct{}), asks: make(chan struct{}, 1), ready: ready{Keep: keep},
	}
	return l, hosts.add(l)
}

// Go has j run as a coroutine.
func (l *loop) Go(j executor.Job) {
	if !l.push(item{job: j}) {
		panic("scope/guest: internal error: a task begins after the end of the guest run")
	}
}

// Aside has j run on a goroutine.
func (l *loop) Aside(j executor.Job) { l.aside.Go(j) }

// Ending is of no interest here.
func (l *loop) Ending() {}

// Close joins the goroutines of calls that blocked. It blocks the host, but
// those calls have returned.
func (l *loop) Close() { l.aside.Close() }

// push makes it ready, and sees to it that a tick comes. Locks may be held
// here. False: the run is over.
func (l *loop) push(it item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.ready.Push(it)
	if !l.asked && !l.ticking {
		l.askLocked()
	}
	return true
}

// askLocked has the messenger ask the host for a tick.
func (l *loop) askLocked() {
	l.asked = true
	select {
	case l.asks <- struct{}{}:
	default: // the messenger is about to
	}
}

// tick is what the host calls. It does nothing if nobody has asked for it. One
// that comes while another is running is no tick either: there is nothing to be
// asked for then, so a nested loop that a host task runs has none.
func (l *loop) tick() {
	l.mu.Lock()
	run := l.asked && !l.ticking
	l.asked = false
	l.ticking = l.ticking || run
	l.mu.Unlock()
	if !run {
		return
	}
	verdict := l.fence.judge()

	l.mu.Lock()
	if verdict != passed {
		l.ticking = false
		l.late++
		l.askLocked()
		l.mu.Unlock()
		verdict.raise()
		return
	}
	l.late = 0
	n := min(l.ready.Len(), batch)
	l.mu.Unlock()

	l.thread.Store(gid.Current())
	for ; n > 0; n-- {
		l.step()
	}
	l.endTick()
	if !l.fence.locked() {
		l.thread.Store(0) // the next may be on any
	}
}

// step runs the next in the queue until it waits or ends.
func (l *loop) step() {
	l.mu.Lock()
	it := l.ready.Pop()
	c := it.co
	if c == nil {
		l.active++
		if c = l.idle; c != nil {
			l.idle, c.link = c.link, nil
			l.idling--
		}
	}
	l.mu.Unlock()
	if c == nil {
		c = newCoroutine(l)
	}
	if it.job != nil {
		c.take(it.job)
	}
	c.resume()
}

// endTick asks for the next tick if somebody is ready, and ends the run if that
// is over.
func (l *loop) endTick() {
	l.mu.Lock()
	l.ticking = false
	if l.ended && l.active == 0 {
		l.mu.Unlock()
		l.finish()
		return
	}
	more := l.ready.Len() > 0
	direct := l.host.RunSyncSoonNotThreadsafe != nil && l.lost == nil
	switch {
	case !more:
	case direct:
		l.asked = true
	default:
		l.askLocked()
	}
	l.mu.Unlock()
	if more && direct {
		if err := l.ask(l.host.RunSyncSoonNotThreadsafe); err != nil {
			l.lose(err)
		}
	}
}

// finish ends the run, on the host's thread: every coroutine is stopped, the
// host is free for another guest, and done is called.
func (l *loop) finish() {
	idle, left := l.close()
	for ; idle != nil; idle = idle.link {
		idle.stop()
	}
	l.calls.Wait() // only those that came too late are left
	refuseAll(left)
	l.letGo()
	defer l.dismiss()
	l.run.finish()
}

// refuseAll ends the calls among what was left. There are no tasks among it,
// unless the host is gone.
func refuseAll(left []item) {
	for _, it := range left {
		if c, ok := it.job.(*call); ok {
			c.refuse()
		}
	}
}

// close lets nothing begin any more.
func (l *loop) close() (idle *coroutine, left []item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	idle, l.idle = l.idle, nil
	for l.ready.Len() > 0 {
		left = append(left, l.ready.Pop())
	}
	return idle, left
}

func (l *loop) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *loop) mainEnded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
