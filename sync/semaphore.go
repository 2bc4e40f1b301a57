package sync

import (
	"context"
	"fmt"
	"math"

	"github.com/corral-go/corral/internal/park"
)

// A Semaphore has a number of permits, its value. Acquire takes one, waiting
// while there is none; Release adds one, from whomever it comes. Make it with
// [NewSemaphore]; it must not be copied. All methods may be called from any
// goroutine; what happened before Release is visible to who gets that permit.
// It is asyncio's Semaphore, and with [MaxValue] its BoundedSemaphore. A
// [CapacityLimiter] also knows who has what.
type Semaphore struct {
	name string
	max  int

	mu    park.Mutex // guards the rest
	value int        // positive only while nobody waits
	line  park.Line
}

// NewSemaphore returns a semaphore with value permits. It panics if value is
// negative, or more than [MaxValue] says.
func NewSemaphore(value int, opts ...Option) *Semaphore {
	s := &Semaphore{name: nameOf(opts), max: math.MaxInt, value: value}
	for _, o := range opts {
		if o, ok := o.(maxOption); ok {
			s.max = int(o)
		}
	}
	if value < 0 {
		panic(fmt.Sprintf("sync: NewSemaphore(%d): a semaphore cannot have fewer than no permits: pass 0 or more", value))
	}
	if value > s.max {
		panic(fmt.Sprintf("sync: NewSemaphore(%d) with MaxValue(%d): the first value must not be more than the maximum", value, s.max))
	}
	return s
}

// Acquire takes a permit, waiting while there is none. It returns the
// cancellation of ctx; then no permit was taken. It panics if ctx is nil.
func (s *Semaphore) Acquire(ctx context.Context) error {
	mustHave(ctx, "Semaphore.Acquire")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = s.acquire(&op)
	}
	if op.Traced() {
		endAcquire(&op, s, s.name, err)
	}
	return err
}

func (s *Semaphore) acquire(op *park.Op) error {
	s.mu.Lock()
	if s.value > 0 {
		s.value--
		s.mu.Unlock()
		return nil
	}
	var t park.Ticket
	return op.Wait(&s.mu, &s.line, &t, s)
}

// TryAcquire takes a permit, or returns [ErrWouldBlock]. It never blocks; ctx
// only places the span. It panics if ctx is nil.
func (s *Semaphore) TryAcquire(ctx context.Context) error {
	mustHave(ctx, "Semaphore.TryAcquire")
	var op park.Op
	op.BeginTry(ctx)
	var err error
	s.mu.Lock()
	if s.value > 0 {
		s.value--
	} else {
		err = ErrWouldBlock
	}
	s.mu.Unlock()
	if op.Traced() {
		endAcquire(&op, s, s.name, err)
	}
	return err
}

// Release hands a permit to who waits longest, or adds it to the value. It
// returns [ErrOverRelease], and adds nothing, if the value would be more than
// [MaxValue].
func (s *Semaphore) Release() error {
	s.mu.Lock()
	t := s.line.Serve()
	var err error
	switch {
	case t != nil:
	case s.value == s.max:
		err = ErrOverRelease
	default:
		s.value++
	}
	s.mu.Unlock()
	t.Wake()
	return err
}

// Value returns how many permits there are now: what can be acquired without
// waiting.
func (s *Semaphore) Value() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}

// Awaited names the semaphore in the live tree.
func (s *Semaphore) Awaited() park.Mark {
	return park.Mark{Kind: "semaphore.acquire", Name: s.name, Waiters: lenOf(&s.mu, &s.line)}
}

// Label is what of that a trace needs.
func (s *Semaphore) Label() (kind, name string) { return "semaphore.acquire", s.name }
