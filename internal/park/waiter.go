package park

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/otelx"
)

// A Waiter is what is woken. Its state is a sequence number and a phase; the
// number makes a claim that was computed for an earlier wait fail.
//
//	idle → taken → parked → served | canceled | rang → idle
//
// Only the strand itself leaves idle and taken, and what follows parked.
// Anybody may claim a parked one.
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

	// co is what the strand runs on; nil for a goroutine, which needs no help to
	// wait. It is set before the strand runs, and then only read.
	co Coroutine
}

const (
	idle uint64 = iota
	taken
	parked
	served
	canceled
	rang

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
	if w.ch == nil && w.co == nil {
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
func (w *Waiter) wake() {
	if w.co != nil {
		w.co.Resume()
		return
	}
	w.ch <- struct{}{}
}

// park blocks until the waiter is claimed, claiming it itself when watched is
// cancelled (nil: that comes by a poke, or not at all) or d is over (not
// positive: never).
func (w *Waiter) park(watched context.Context, d time.Duration) {
	if w.co != nil {
		w.suspend(watched, d)
		return
	}
	if watched == nil && d <= 0 {
		<-w.ch
		return
	}
	var done <-chan struct{}
	if watched != nil {
		done = watched.Done()
	}
	var alarm <-chan time.Time
	if d > 0 {
		alarm = w.setAlarm(d)
		defer w.alarm.Stop()
	}
	phase := rang
	select {
	case <-w.ch:
		return
	case <-done:
		phase = canceled
	case <-alarm:
	}
	if !w.claim(phase) {
		<-w.ch // claimed by somebody else in that instant: its wake-up is on the way
	}
}

// release gives the waiter back after a wait and says how that ended.
func (w *Waiter) release() (phase uint64) {
	s := w.state.Load()
	w.state.Store(s&^phaseMask | idle)
	return s & phaseMask
}
