package park

import "sync/atomic"

// A Latch is open, and then closed for good: the end of a task or future. Any
// number of strands wait for it, a channel stands for it once somebody asks,
// and watchers are told. The zero Latch is open. Who only closes it, and asks
// whether it is closed, needs neither a lock nor memory:
//
//	open → closed            nobody came
//	open → awaited → closed  somebody did
type Latch struct {
	state atomic.Uint32
	crowd atomic.Pointer[crowd] // never nil once it is awaited
}

const (
	open uint32 = iota
	awaited
	closed
)

// crowd is who came to a latch.
type crowd struct {
	mu       Mutex // guards the rest, and the step to closed; a Teller's own lock is taken under it
	line     Line
	first    Ticket        // of the first that waits
	taken    bool          // it is in use, or was
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
// it must not call back. by is the strand that closes the latch, or nil.
type Teller interface{ Tell(by *Strand) }

// Close closes the latch: it wakes who waits, tells who watches, and closes
// the channel. It must be called once. It reports whether anybody came before.
// by is the strand that does it, nil if that is not known.
func (l *Latch) Close(by *Strand) bool {
	Yield()
	if l.state.CompareAndSwap(open, closed) {
		Yield()
		return false
	}
	c := l.crowd.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	l.state.Store(closed)
	c.line.ServeAllBy(by)
	for w := c.watchers; w != nil; w = c.watchers {
		c.removeLocked(w)
		w.To.Tell(by)
	}
	if c.done != nil {
		close(c.done)
	}
	return true
}

// Closed reports whether the latch is closed.
func (l *Latch) Closed() bool { return l.state.Load() == closed }

// Come makes Close report that somebody came. It reports false if the latch is
// closed.
func (l *Latch) Come() bool {
	l.come()
	return !l.Closed()
}

// come returns the latch's crowd, making it if need be.
func (l *Latch) come() *crowd {
	c := l.crowd.Load()
	if c == nil {
		l.crowd.CompareAndSwap(nil, new(crowd))
		c = l.crowd.Load()
	}
	l.state.CompareAndSwap(open, awaited)
	return c
}

// Channel returns a channel that is closed with the latch.
func (l *Latch) Channel() <-chan struct{} {
	c := l.come()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if l.Closed() {
			close(c.done)
		}
	}
	return c.done
}

// Await parks the operation until the latch is closed, or its ctx is cancelled.
func (l *Latch) Await(op *Op, what Awaited) error {
	c, t := l.stand()
	if t == nil {
		return nil
	}
	return op.Wait(&c.mu, &c.line, t, what)
}

// Join is [Latch.Await] that no cancellation ends; p is the place of the caller.
func (l *Latch) Join(p *Place, what Awaited) {
	if c, t := l.stand(); t != nil {
		Join(p, &c.mu, &c.line, t, what)
	}
}

// stand returns a ticket to wait with, and the crowd with its lock held; no
// ticket, and nothing held, if the latch is closed.
func (l *Latch) stand() (*crowd, *Ticket) {
	c := l.come()
	c.mu.Lock()
	if l.Closed() {
		c.mu.Unlock()
		return c, nil
	}
	t := &c.first
	if c.taken {
		t = new(Ticket)
	}
	c.taken = true
	return c, t
}

// Watch has w told when the latch closes; it reports false, and does not keep
// w, if that has happened.
func (l *Latch) Watch(w *Watch) bool {
	c := l.come()
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.Closed() {
		return false
	}
	w.on, w.next = l, c.watchers
	if w.next != nil {
		w.next.prev = w
	}
	c.watchers = w
	return true
}

// Unwatch takes w back. When it returns, w is not being told and will not be.
func (l *Latch) Unwatch(w *Watch) {
	c := l.crowd.Load()
	if c == nil { // w never came
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.on == l {
		c.removeLocked(w)
	}
}

func (c *crowd) removeLocked(w *Watch) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		c.watchers = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.next, w.prev, w.on = nil, nil, nil
}
