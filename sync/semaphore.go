package sync

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

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

	// value is how many permits there are, while nobody waits: then it is
	// changed by compare-and-swap. Who has to wait makes a 0 to crowded, under
	// mu, and then there is no permit, and only a release that finds nobody in
	// line changes it back.
	value atomic.Int64

	mu   park.Mutex // guards line, and the steps from and to crowded
	line park.Line
}

const crowdedOut = -1

// NewSemaphore returns a semaphore with value permits. It panics if value is
// negative, or more than [MaxValue] says.
func NewSemaphore(value int, opts ...Option) *Semaphore {
	s := &Semaphore{name: nameOf(opts), max: math.MaxInt}
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
	s.value.Store(int64(value))
	return s
}

// Acquire takes a permit, waiting while there is none. It returns the
// cancellation of ctx; then no permit was taken. It panics if ctx is nil.
func (s *Semaphore) Acquire(ctx context.Context) error {
	mustHave(ctx, "Semaphore.Acquire")
	if _, ok := park.Quick(ctx); ok && s.take() {
		return nil
	}
	var op park.Op
	err := op.Begin(ctx)
	if err == nil && !s.take() {
		err = s.wait(&op)
	}
	if op.Traced() {
		endAcquire(&op, s, s.name, err)
	}
	return err
}

// take takes a permit if there is one.
func (s *Semaphore) take() bool {
	park.Yield()
	for {
		v := s.value.Load()
		if v <= 0 {
			return false
		}
		if s.value.CompareAndSwap(v, v-1) {
			return true
		}
	}
}

func (s *Semaphore) wait(op *park.Op) error {
	s.mu.Lock()
	for {
		v := s.value.Load()
		if v <= 0 && (v == crowdedOut || s.value.CompareAndSwap(0, crowdedOut)) {
			var t park.Ticket
			return op.Wait(&s.mu, &s.line, &t, s)
		}
		if v > 0 && s.value.CompareAndSwap(v, v-1) { // it was released meanwhile
			s.mu.Unlock()
			return nil
		}
	}
}

// TryAcquire takes a permit, or returns [ErrWouldBlock]. It never blocks; ctx
// only places the span. It panics if ctx is nil.
func (s *Semaphore) TryAcquire(ctx context.Context) error {
	mustHave(ctx, "Semaphore.TryAcquire")
	var op park.Op
	op.BeginTry(ctx)
	var err error
	if !s.take() {
		err = ErrWouldBlock
	}
	if op.Traced() {
		endAcquire(&op, s, s.name, err)
	}
	return err
}

// Release hands a permit to who waits longest, or adds it to the value. It
// returns [ErrOverRelease], and adds nothing, if the value would be more than
// [MaxValue].
func (s *Semaphore) Release() error {
	park.Yield()
	for {
		v := s.value.Load()
		switch {
		case v == crowdedOut:
			if t, over := s.pass(); over {
				t.Wake()
				return nil
			}
		case v == int64(s.max):
			return ErrOverRelease
		case s.value.CompareAndSwap(v, v+1):
			return nil
		}
	}
}

// pass hands a permit to who waits longest. If it reports false, nobody waits
// any more, and it has to be added to the value.
func (s *Semaphore) pass() (next *park.Ticket, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value.Load() != crowdedOut {
		return nil, false
	}
	next = s.line.Serve()
	if next == nil {
		s.value.Store(0)
	}
	return next, next != nil
}

// Value returns how many permits there are now: what can be acquired without
// waiting.
func (s *Semaphore) Value() int { return int(max(0, s.value.Load())) }

// Awaited names the semaphore in the live tree.
func (s *Semaphore) Awaited(look park.Look) park.Mark {
	return marked(look, "semaphore.acquire", s.name, &s.mu, &s.line)
}
