package park

import (
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/otelx"
)

// A Waiter is what is woken. Its state is a sequence number and a phase; the
// number makes a claim that was computed for an earlier wait fail.
//
//	idle → taken → parked → served | canceled → idle
//
// Only the strand itself leaves idle, taken, served and canceled. Anybody may
// claim a parked one.
type Waiter struct {
	state atomic.Uint64
	// place is whose cancellation may claim the waiter; nil if that is found
	// out by a select instead. Stored before parked is published.
	place atomic.Pointer[Place]
	// ch has room for one wake-up. It is made by the strand at its first park,
	// so that it belongs to the strand's synctest bubble.
	ch chan struct{}
	// track is what is kept of the strand while it is traced; who claims the
	// waiter may leave there, before the wake-up, what led to it.
	track atomic.Pointer[otelx.Track]
	// alarm is the strand's own timer, re-set for every sleep.
	alarm *time.Timer
}

const (
	idle uint64 = iota
	taken
	parked
	served
	canceled

	phaseMask = 7
	nextWait  = phaseMask + 1
)

// take reserves the waiter for one wait. It fails if another goroutine is
// waiting with it: somebody used a task's ctx outside the task.
func (w *Waiter) take() bool {
	s := w.state.Load()
	if s&phaseMask != idle || !w.state.CompareAndSwap(s, s+nextWait|taken) {
		return false
	}
	if w.ch == nil {
		w.ch = make(chan struct{}, 1)
	}
	return true
}

// publish makes a taken waiter claimable; p may claim it by being cancelled.
func (w *Waiter) publish(p *Place) {
	if w.place.Load() != p {
		w.place.Store(p)
	}
	w.state.Store(w.state.Load()&^phaseMask | parked)
}

// setAlarm sets the waiter's own timer to go off after d.
func (w *Waiter) setAlarm(d time.Duration) <-chan time.Time {
	if w.alarm == nil {
		w.alarm = time.NewTimer(d)
	} else {
		w.alarm.Reset(d)
	}
	return w.alarm.C
}

// claim moves a parked waiter to served or canceled; it reports false if it
// was not parked (any more).
func (w *Waiter) claim(phase uint64) bool {
	s := w.state.Load()
	return s&phaseMask == parked && w.state.CompareAndSwap(s, s&^phaseMask|phase)
}

// wake sends the wake-up to a waiter that the caller has claimed.
func (w *Waiter) wake() { w.ch <- struct{}{} }

// park blocks until the waiter is claimed, claiming it itself when done is
// closed (canceled) or the alarm goes off (served, and rang is true).
func (w *Waiter) park(done <-chan struct{}, alarm <-chan time.Time) (rang bool) {
	if done == nil && alarm == nil {
		<-w.ch
		return false
	}
	phase := served
	select {
	case <-w.ch:
		return false
	case <-done:
		phase = canceled
	case <-alarm:
	}
	if !w.claim(phase) {
		<-w.ch // claimed by somebody else in that instant: its wake-up is on the way
		return false
	}
	return phase == served
}

// release gives the waiter back after a wait and reports whether it was served.
func (w *Waiter) release() bool {
	s := w.state.Load()
	w.state.Store(s&^phaseMask | idle)
	return s&phaseMask == served
}
