package guest

import (
	"fmt"
	"runtime"
	"time"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/gid"
)

// messages is what the loop and its host say to each other.
type messages struct {
	// slip is what the host is asked to call. There is one; the loop holds it
	// while the host does not. So if it is collected while the host should have
	// it, then the host has dropped it, and will never call it.
	slip    *slip
	dropped runtime.Cleanup
	watched bool       // dropped is set
	first   chan error // how the first asking went, until Start has returned
}

// slip is a tick for the host to call.
type slip struct{ call func() }

// grace is how long Start waits for the host to say no: one that has not begun
// to run may make who asks wait until it does.
const grace = 10 * time.Millisecond

// start begins the run, and fails if the host panics when it is first asked.
func (l *loop) start() error {
	s := new(slip)
	s.call = func() {
		l.mu.Lock()
		l.slip = s
		l.mu.Unlock()
		l.tick()
	}
	l.slip = s
	if !gid.InBubble() { // clean-ups run outside of any: they could not wake who is inside
		l.dropped = runtime.AddCleanup(s, (*loop).forgotten, l)
		l.watched = true
	}
	first := make(chan error, 1)
	l.first = first
	executor.Detach(l.deliver)
	l.push(item{job: l.run})

	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case err := <-first:
		return err
	case <-patience.C:
	}
	l.mu.Lock()
	l.first = nil
	l.mu.Unlock()
	select {
	case err := <-first: // in that instant
		return err
	default:
		return nil
	}
}

// forgotten is called when the host has dropped what it was asked to call.
func (l *loop) forgotten() {
	l.lose(fmt.Errorf("%w: it has dropped one that it was to call", ErrGone))
}

// lose says that the host is gone. The messenger then does what can be done.
func (l *loop) lose(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil && !l.closed {
		l.lost = err
		l.askLocked()
	}
}

func (l *loop) whyLost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// ask asks the host, with one of its two functions, for a tick. A panic of the
// host's is an error: a loop that has ended may have closed its channel.
func (l *loop) ask(soon func(func())) (err error) {
	call := l.handOut()
	defer func() {
		if v := recover(); v != nil {
			if l.isClosed() { // the host has called it on the spot, and done has panicked
				panic(v)
			}
			err = fmt.Errorf("%w: it panicked when it was asked to call one: %v", ErrGone, v)
		}
	}()
	soon(call)
	return nil
}

// handOut returns the slip's function and lets go of it. The host may have
// called it before and kept it: then it gets the same one again.
func (l *loop) handOut() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slip
	if s == nil {
		panic("scope/guest: internal error: the host is asked while it has been asked")
	}
	l.slip = nil
	return s.call
}

// deliver is the messenger: it asks the host for ticks, on behalf of those who
// must not call it themselves.
func (l *loop) deliver() {
	for range l.asks {
		if l.isClosed() { // asked to look after a host that is no longer needed
			continue
		}
		if d := l.delay(); d > 0 {
			time.Sleep(d)
		}
		if l.whyLost() == nil {
			err := l.ask(l.host.RunSyncSoonThreadsafe)
			if l.reportFirst(err) && err != nil {
				return // Start fails
			}
			if err == nil {
				continue
			}
			l.lose(err)
		}
		l.standIn()
	}
	close(l.over)
}

// reportFirst tells Start how it went, if that still waits.
func (l *loop) reportFirst(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		return false
	}
	l.first <- err
	l.first = nil
	return true
}

// delay is how long to wait before the next asking: some time if the host is
// somewhere where there can be no tick.
func (l *loop) delay() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late == 0 {
		return 0
	}
	return time.Millisecond << min(l.late-1, 4)
}

// standIn does, on the messenger's goroutine, what can be done without the host.
// If its thread was not locked, that goroutine takes its place: everything is
// cancelled, runs to its end, and is joined. If it was locked, its coroutines
// can never be resumed again: they are left as they are, and done hears of it.
func (l *loop) standIn() {
	err := l.whyLost()
	l.run.cancel(err)
	if !l.fence.locked() {
		l.tick()
		return
	}
	l.aside.Close()
	l.mu.Lock()
	err = fmt.Errorf("%w; %d host tasks cannot go on, since its thread was locked", err, l.active)
	l.mu.Unlock()
	_, left := l.close()
	refuseAll(left)
	l.run.lose(err)
	l.letGo()
	defer l.dismiss()
	l.run.finish()
}

// letGo makes the host free for another guest.
func (l *loop) letGo() {
	hosts.remove(l)
	l.mu.Lock()
	l.closed = true
	watched := l.watched
	l.watched = false
	l.mu.Unlock()
	if watched {
		l.dropped.Stop()
	}
}

// dismiss ends the messenger.
func (l *loop) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.asks)
}
