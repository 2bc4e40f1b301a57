package park

import "sync/atomic"

// A Latch is open, and then closed for good: the end of a task or future. Any
// number of strands wait for it, a channel stands for it once somebody asks,
// and watchers are told. The zero Latch is open.
type Latch struct {
	closed atomic.Bool

	mu       Mutex // guards the rest; a Teller's own lock is taken under it
	line     Line
	done     chan struct{} // made when asked for
	watchers *Watch
}

// A Watch is told when a latch closes, for one who waits for many.
type Watch struct {
	To         Teller
	next, prev *Watch
	on         *Latch
}

// A Teller is who a [Watch] tells. Tell is called once, under the latch's lock:
// it must not call back.
type Teller interface{ Tell() }

// Close closes the latch: it wakes who waits, tells who watches, and closes
// the channel. It must be called once.
func (l *Latch) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed.Store(true)
	l.line.ServeAll()
	for w := l.watchers; w != nil; w = l.watchers {
		l.removeLocked(w)
		w.To.Tell()
	}
	if l.done != nil {
		close(l.done)
	}
}

// Closed reports whether the latch is closed.
func (l *Latch) Closed() bool { return l.closed.Load() }

// Channel returns a channel that is closed with the latch.
func (l *Latch) Channel() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		if l.closed.Load() {
			close(l.done)
		}
	}
	return l.done
}

// Await parks the operation until the latch is closed, or its ctx is cancelled.
func (l *Latch) Await(op *Op, what Awaited) error {
	l.mu.Lock()
	if l.closed.Load() {
		l.mu.Unlock()
		return nil
	}
	var t Ticket
	return op.Wait(&l.mu, &l.line, &t, what)
}

// Watch has w told when the latch closes; it reports false, and does not keep
// w, if that has happened.
func (l *Latch) Watch(w *Watch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() {
		return false
	}
	w.on, w.next = l, l.watchers
	if w.next != nil {
		w.next.prev = w
	}
	l.watchers = w
	return true
}

// Unwatch takes w back. When it returns, w is not being told and will not be.
func (l *Latch) Unwatch(w *Watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.on == l {
		l.removeLocked(w)
	}
}

func (l *Latch) removeLocked(w *Watch) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.watchers = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.next, w.prev, w.on = nil, nil, nil
}
