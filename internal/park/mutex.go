package park

import (
	"sync"
	"sync/atomic"
)

// A Mutex is the lock of a primitive. It is a [sync.Mutex] with a point before
// it is taken, and one after it is let go, where a test may change the schedule
// (see [SetSchedule]). It is for locks that are taken while no other is held;
// those further in are plain ones, since nothing may wait under a lock.
type Mutex struct{ mu sync.Mutex }

// Lock takes the lock.
func (m *Mutex) Lock() {
	if schedule.Load() != nil {
		yield()
	}
	m.mu.Lock()
}

// TryLock takes the lock, if it is free.
func (m *Mutex) TryLock() bool { return m.mu.TryLock() }

// Unlock lets the lock go.
func (m *Mutex) Unlock() {
	m.mu.Unlock()
	if schedule.Load() != nil {
		yield()
	}
}

// LockNested takes the lock while another one is held: without a point, since
// nothing may wait there.
func (m *Mutex) LockNested() { m.mu.Lock() }

// UnlockNested lets go of a lock that [Mutex.LockNested] has taken.
func (m *Mutex) UnlockNested() { m.mu.Unlock() }

var schedule atomic.Pointer[func()]

// SetSchedule has f called at every point where a schedule may change, until it
// is called with nil. It is for testkit.
func SetSchedule(f func()) {
	if f == nil {
		schedule.Store(nil)
		return
	}
	schedule.Store(&f)
}

// Yield is such a point: before a lock of ours is taken, after one is let go,
// after a wake-up. No lock may be held there.
func Yield() {
	if schedule.Load() != nil {
		yield()
	}
}

// yield is apart, and not inlined, so that what is there when off stays small.
//
//go:noinline
func yield() {
	if f := schedule.Load(); f != nil {
		(*f)()
	}
}
