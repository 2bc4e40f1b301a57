package park

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/otelx"
)

// A Place is a position in the tree as a context carries it: the body of a
// scope, or a task. It does not change once its ctx has been handed out.
type Place struct {
	Ctx    context.Context // the ctx of this place
	Strand *Strand         // the line of execution that runs here
	Tracer *otelx.Tracer   // nil: no span is recorded here
	Meter  *otelx.Meter    // nil: neither metrics nor log events are
	Span   *otelx.Span     // of this place, or nil
	Owner  any             // the *scope.Scope or *scope.Child
	Timed  bool            // a scope's or task's deadline applies, or may come to: see Check
}

// Key is the key under which a context of ours answers with its *[Place]. A
// log handler asks with it, too.
var Key = otelx.PlaceKey

// Describe returns the path of the innermost scope of a place, and the name of
// its task, "" if there is none. Package scope sets it.
var Describe func(p *Place) (scope, task string)

// Where is for the log handler.
func (p *Place) Where() (scope, task string) { return Describe(p) }

// PlaceOf returns the innermost place of ctx, or nil.
func PlaceOf(ctx context.Context) *Place {
	p, _ := ctx.Value(Key).(*Place)
	return p
}

// governs reports whether ctx is cancelled exactly when p is, so that poking
// p's strand is enough to end a wait under ctx.
func (p *Place) governs(ctx context.Context) bool {
	return ctx == p.Ctx || ctx.Done() == p.Ctx.Done()
}

// Awaited is what can be waited for, as the live tree and a trace show it.
type Awaited interface {
	// Awaited describes the wait, with no lock of this package held. A nil look
	// is a trace's: it wants the kind and the name, fast. Who looks at the live
	// tree wants all of it, and look takes the locks that that needs: if it
	// gives one up, what that guards stays out, and Locked says so.
	Awaited(look Look) Mark
}

// A Look takes a lock for who looks at the live tree, and reports false if it
// has given up.
type Look func(mu TryLocker) bool

// Patient takes a lock, however long that takes.
func Patient(mu TryLocker) bool {
	mu.Lock()
	return true
}

func labelOf(what Awaited) (kind, name string) {
	m := what.Awaited(nil)
	return m.Kind, m.Name
}

// A TryLocker is a mutex: one of the standard library's, or a [Mutex].
type TryLocker interface {
	sync.Locker
	TryLock() bool
}

// Mark describes a wait: a kind like "queue.get", a name, who can end it, and
// how many wait.
type Mark struct {
	Kind    string
	Name    string
	Holders []string  // paths of tasks that can end the wait, where known
	IDs     []uint64  // their ids, in the same order; nil if they are not known
	Held    time.Time // the holders have had it since then, or longer; zero: not known
	Waiters int       // how many wait for it, this one included; 0: not counted
	Locked  bool      // some of this stays out: somebody holds a lock of it
	Object  Leveled   // what is waited for, if that can say how full it is
	// Maker is the name, and MakerID the id, of the task or scope in which what
	// is waited for was made, and from which one may expect that it ends the
	// wait; 0 if there is none.
	Maker   string
	MakerID uint64
}

// A Leveled is a queue or limiter: it says how full it is, to who looks. Two are
// the same if they are equal.
type Leveled interface {
	// Level may be called while no lock is held.
	Level(look Look) Level
}

// A Level is how a queue or limiter stands in one moment.
type Level struct {
	Kind     string // queue, limiter
	Name     string
	Size     int // items in it, tokens that are borrowed
	Capacity int // how many there can be; of a queue, 0: any number
	Peak     int // the most items there ever were; 0: not counted
	Waiting  int
	Oldest   time.Duration // how long the oldest item has been in it; 0: not known
	Locked   bool          // all of this but the name stays out: somebody holds its lock
}

// A Strand is one line of execution with its one waiter, and the mark of what
// it waits for.
type Strand struct {
	Waiter

	parking atomic.Pointer[func()] // see OnPark

	mu    sync.Mutex // guards the mark, held for a few instructions only
	what  Awaited
	since time.Time
	ctx   context.Context
	heard error // the last failure of another task that it was told of
}

// Hear keeps a failure that the strand was told of by a wait, or by the end of
// an inner scope: if it fails with that, too, it has only passed it on.
func (s *Strand) Hear(err error) {
	s.mu.Lock()
	s.heard = err
	s.mu.Unlock()
}

// Heard returns the last failure that the strand was told of, or nil.
func (s *Strand) Heard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

func (s *Strand) mark(ctx context.Context, what Awaited, now time.Time) {
	s.mu.Lock()
	s.ctx, s.what, s.since = ctx, what, now
	s.mu.Unlock()
}

// OnPark has f called, once, when the strand is about to wait the next time; no
// lock is held then. Nil takes that back. It is for testkit.
func (s *Strand) OnPark(f func()) {
	if f == nil {
		s.parking.Store(nil)
		return
	}
	s.parking.Store(&f)
}

func (s *Strand) tellParking() {
	if s.parking.Load() == nil {
		return
	}
	if f := s.parking.Swap(nil); f != nil {
		(*f)()
	}
}

// Waiting returns what the strand waits for (nil: nothing), since when, and
// under which ctx (nil: it cannot be cancelled).
func (s *Strand) Waiting() (what Awaited, since time.Time, ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.what, s.since, s.ctx
}

// Track returns what is kept of the strand while it is traced, or nil.
func (s *Strand) Track() *otelx.Track { return s.track.Load() }

// SetTrack is called by the strand itself, or before it runs.
func (s *Strand) SetTrack(t *otelx.Track) { s.track.Store(t) }

// Release returns what led to now on the strand, for whom it wakes; nothing if
// it is nil, or not traced.
func (s *Strand) Release() otelx.Release {
	if s == nil {
		return otelx.Release{}
	}
	return s.Track().Release(nil)
}

// Parked reports whether the strand is parked in the wait that began at since:
// nobody has begun to wake it.
func (s *Strand) Parked(since time.Time) bool {
	parkedNow := s.state.Load()&phaseMask == parked
	what, again, _ := s.Waiting()
	return parkedNow && what != nil && again.Equal(since)
}

// Poke ends the strand's wait if the place it waits in has been cancelled. The
// caller has cancelled a context before; poking a strand that waits for
// something else, or not at all, does nothing. r is of who has cancelled.
func (s *Strand) Poke(r otelx.Release) {
	state := s.state.Load()
	if state&phaseMask != parked {
		return
	}
	p := s.place.Load()
	if p == nil || p.Ctx.Err() == nil {
		return
	}
	if s.state.CompareAndSwap(state, state&^phaseMask|canceled) {
		s.Track().Released(r)
		s.wake()
	}
}
