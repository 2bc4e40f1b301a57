package park

import "github.com/corral-go/corral/otelx"

// A Line is a fair queue of waiters: first come, first served (R4). The zero
// Line is empty. It is guarded by the lock of the object that embeds it; every
// method needs that lock.
type Line struct {
	first, last *Ticket
	n           int
}

// A Ticket is one waiter's place in a [Line]. It lives in the primitive's own
// entry, which Owner points back to, so that a hand-over can fill it in.
type Ticket struct {
	Owner      any
	next, prev *Ticket
	line       *Line
	w          *Waiter // nil for one that stands in line without a strand
	claimed    bool    // its waiter was claimed before it was put into this line
}

// Len is the number of tickets in line.
func (l *Line) Len() int { return l.n }

// First is the ticket that would be served next, or nil. It may belong to a
// waiter that is being cancelled.
func (l *Line) First() *Ticket { return l.first }

// Push appends a ticket that nobody waits with: it stands for something other
// than a strand (a task that waits for its turn).
func (l *Line) Push(t *Ticket) { l.push(t, nil) }

// Requeue appends a ticket that was served from another line and not woken: its
// waiter sleeps on until it is served from this one, and no cancellation ends
// that. Both lines must have the same lock.
func (l *Line) Requeue(t *Ticket) {
	l.push(t, t.w)
	t.claimed = true
}

func (l *Line) push(t *Ticket, w *Waiter) {
	t.w, t.claimed, t.line, t.prev, t.next = w, false, l, l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
	l.n++
}

// Remove takes t out of the line; it reports false if t was not in it.
func (l *Line) Remove(t *Ticket) bool {
	if t.line != l {
		return false
	}
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.line = nil, nil, nil
	l.n--
	return true
}

// Serve takes the first waiter that is not being cancelled out of the line and
// claims it. The caller fills in what it hands over and then calls
// [Ticket.Wake]. A waiter that is being cancelled is passed over: it was not
// served, and what was meant for it goes to the next (R3). Nil: nobody waits.
func (l *Line) Serve() *Ticket {
	for t := l.first; t != nil; t = l.first {
		l.Remove(t)
		if t.Claim() {
			return t
		}
	}
	return nil
}

// ServeAll wakes everybody in line.
func (l *Line) ServeAll() { l.ServeAllBy(nil) }

// ServeAllBy is [Line.ServeAll] on behalf of a strand, or nil.
func (l *Line) ServeAllBy(by *Strand) {
	t := l.Serve()
	if t == nil {
		return
	}
	for r := by.Release(); t != nil; t = l.Serve() {
		t.wake(r)
	}
}

// Claim claims the waiter of a ticket that was taken out of its line with
// [Line.Remove]; false means it is being cancelled.
func (t *Ticket) Claim() bool { return t.w == nil || t.claimed || t.w.claim(served) }

// Wake wakes a claimed waiter; nobody knows who it was that let it go on. It
// does not need the lock. On a nil ticket it does nothing.
func (t *Ticket) Wake() { t.WakeBy(nil) }

// WakeBy is [Ticket.Wake] on behalf of a strand, or nil.
func (t *Ticket) WakeBy(by *Strand) {
	if t == nil || t.w == nil {
		return
	}
	if by != nil && t.w.track.Load() != nil {
		t.wake(by.Release())
		return
	}
	t.w.wake()
}

func (t *Ticket) wake(r otelx.Release) {
	if t.w != nil {
		t.w.track.Load().Released(r)
		t.w.wake()
	}
}
