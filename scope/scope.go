package scope

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// A Scope owns tasks and bounds their lives: Run returns only when all of them
// have ended. It may be cancelled, have a deadline, and be shielded from what
// is around it.
//
// Most code needs [Run] and friends only. A Scope made with [New] can be
// shared, cancelled or given a deadline before it is run; it runs once. The
// zero Scope is one without options. A Scope must not be copied. All methods
// may be called from any goroutine.
//
//	made → open → closing → closed
//
// In open the body runs; in closing it has returned and tasks are joined.
// Spawning is possible in both.
type Scope struct {
	config

	// Set by enter before anybody can know them, and then only read.
	id      uint64
	depth   int     // names in the path
	shown   string  // the path; "" for a long one
	head    *Scope  // where the shown beginning of a long path ends
	fn      uintptr // the body, for its name
	opened  time.Time
	outer   context.Context   // what Run was given
	up      *park.Place       // where that is in the tree; nil for a root
	task    *Child            // the task the body runs in, or nil
	timed   *Scope            // this scope or the next one out with a movable deadline or a shield
	timedUp *Scope            // the one after that
	exec    executor.Runner   // what runs the tasks
	own     executor.Executor // of a top; see isTop
	place   park.Place        // what the ctx of the body carries
	strand  park.Strand       // what the body of a top waits with
	std     context.Context   // the scope's own cancellation
	stop    context.CancelCauseFunc
	free    context.CancelFunc // of the fixed deadline, or nil
	late    bool               // what it was to stand in has ended, or is about to
	follows bool               // std is cancelled with the ctx around it, and nothing else tells
	apart   bool               // std is not under the ctx around it; see letIn
	due     *CanceledError     // the cause of the fixed deadline, or nil
	ends    time.Time          // the earliest fixed deadline that applies inside
	watch   *watch             // for testkit; see there
	tie     *tie               // of a root, to the list of them

	hidden  atomic.Bool                   // shielded, as of now
	told    atomic.Bool                   // it is cancelled, and spread has been through it
	foreign atomic.Pointer[CanceledError] // see foreignCause
	noted   atomic.Pointer[CanceledError] // see note

	// mu guards the rest, and the config until the scope is entered. Lock
	// order: a scope, then one of its tasks; never two scopes. No user code
	// runs under it, and nothing waits under it.
	mu         park.Mutex
	taken      bool // Run was called
	phase      phase
	unshielded bool
	called     bool           // this scope itself was cancelled
	raise      bool           // and that with Raise
	settled    bool           // cause is final; until then see causeLocked
	caught     bool           //
	ended      bool           // the body or a begun task was ended by the cancellation
	passed     bool           // a movable deadline was reached, and has taken effect
	before     *CanceledError // a cancellation that came before Run
	effect     *effect        // of the cancellation, if traced
	cause      *CanceledError
	failed     failures
	unread     *unread // failures that nobody was told of, or nil

	tasks   *Child      // every task that has not ended, newest first
	rounds  *round      // of spread, through those
	inner   *Scope      // scopes opened in the body, newest first
	next    *Scope      // in such a list
	prev    *Scope      //
	front   int         // tasks that keep the scope open
	back    int         // Background tasks
	running int         // tasks that hold one of Limit's turns
	turns   park.Line   // tasks, and who spawns them, that wait for one
	exit    park.Line   // the body, waiting to leave
	ticket  park.Ticket // with which it does
	bodyEnd *park.Latch // closed when the body has returned; made when asked for

	hooks    int // timers and context callbacks that may still come
	unhook   []func() bool
	timer    *time.Timer // of the movable deadline
	calm     *calm       // see there
	drain    *drain      // a graceful shutdown, once asked for
	stopping chan struct{}
}

// effect is what a trace tells of the cancellation of a scope.
type effect struct {
	mine    *CanceledError // why, if it began here
	done    *CanceledError // of the Background tasks, if there are any
	reached int            // tasks that have ended after it
	last    time.Time      // when the last of them has
}

// effectLocked returns what there is to tell of the cancellation of a traced
// scope.
func (s *Scope) effectLocked() *effect {
	if s.effect == nil {
		s.effect = new(effect)
	}
	return s.effect
}

type phase uint8

const (
	made phase = iota
	open
	closing
	closed
)

func (p phase) String() string {
	return [...]string{"made", "open", "closing", "closed"}[p]
}

// New makes a scope that is run later, once, with [Scope.Run].
func New(opts ...Option) *Scope {
	s := new(Scope)
	s.config.apply(opts)
	return s
}

// Run opens a scope, runs body in it, and returns when the body and every task
// spawned into the scope have ended. The ctx that body gets carries the scope.
//
// Run returns, in this order: an *[Error] with every failure, if there were
// any; nil if the scope caught its own cancellation, except for a deadline
// without [MoveOn] and a cancel with [Raise], where it is the *[CanceledError];
// the *CanceledError of what is around it, if that ended the body or a task;
// else nil. A panic of the body or of a task is raised again as a *[PanicError]
// on the caller's goroutine, when everything has ended.
//
// Opening a scope is not a wait: the body begins also if ctx is cancelled
// already. Run panics if ctx or body is nil. The model is Trio's: a nursery
// with its cancel scope.
func Run(ctx context.Context, body func(ctx context.Context) error, opts ...Option) error {
	s := new(Scope)
	s.config.apply(opts)
	return s.Run(ctx, body)
}

// Run is like the function [Run] for a scope made before. A second Run returns
// [ErrInUse], and leaves the first alone.
func (s *Scope) Run(ctx context.Context, body func(ctx context.Context) error) error {
	if s == nil {
		panic("scope: Run on a nil *Scope: make one with scope.New")
	}
	if ctx == nil {
		panic("scope: Run with a nil ctx: pass context.Background() at the root of a program")
	}
	if body == nil {
		panic("scope: Run with a nil body: pass the function to run")
	}
	if seam.Hosted && park.PlaceOf(ctx) == nil && park.Current() == nil {
		return seam.RunHosted(ctx, s, body)
	}
	if err := s.enter(ctx, codeOf(body)); err != nil {
		return err
	}
	return s.run(body)
}

// run runs the body of a scope that was entered, to the scope's end.
func (s *Scope) run(body func(ctx context.Context) error) error {
	exiting := true // by Goexit, unless the call below returns
	defer func() {
		if exiting {
			_ = s.leave(capture.Outcome{Goexit: true})
		}
	}()
	s.watch.label()
	out := capture.Call(s.place.Ctx, capture.Func(body))
	exiting = false
	return s.leave(out)
}

// enter makes the scope part of the tree. What is asked of it meanwhile
// (Cancel, SetDeadline, Unshield, Shutdown) is kept, as before Run, and begin
// picks it up.
func (s *Scope) enter(ctx context.Context, fn uintptr) error {
	s.mu.Lock()
	if s.taken {
		s.mu.Unlock()
		return ErrInUse
	}
	s.taken = true
	s.fn, s.outer, s.opened = fn, ctx, time.Now()
	s.id = lastID.Add(1)
	shielded := s.shield
	s.mu.Unlock()

	s.hidden.Store(shielded)
	s.place.Owner, s.place.Ctx = s, (*bodyContext)(s)
	s.settle(ctx)
	base := ctx
	if shielded {
		base = context.WithoutCancel(ctx)
	}
	base = s.watched(base)
	if s.place.Tracer != nil {
		base = s.startSpan(base)
	}

	s.mu.Lock()
	s.begin(base, shielded)
	reach := shielded && !s.shield
	s.mu.Unlock()
	if reach {
		s.reach()
	}
	return nil
}

// startSpan starts the scope's span. If that is not sampled, nothing inside asks
// for spans of its own.
func (s *Scope) startSpan(base context.Context) context.Context {
	ctx, span := s.place.Tracer.Start(base, otelx.SpanStart{
		Kind: "scope", Name: s.nameNow(), Path: s.path(), Func: s.fn, At: s.opened,
		NewRoot: s.isGuest() || s.late, // it outlives the call that has started it, or what it would be in (R81)
	})
	s.mu.Lock()
	s.place.Span = span
	s.mu.Unlock()
	switch {
	case !span.Recording():
		s.place.Tracer = nil
	case s.place.Strand.Track() == nil:
		s.place.Strand.SetTrack(otelx.NewTrack(s.nameNow(), s.opened, otelx.Release{}))
	}
	return ctx
}

// settle finds the place of ctx and takes the scope's place below it, or makes
// it a root, and finds the tracer and meter that apply.
func (s *Scope) settle(ctx context.Context) {
	lent := s.exec
	up := park.PlaceOf(ctx)
	if up == nil || up.Ctx != ctx {
		s.place.Tracer, s.place.Meter = otelx.Of(ctx)
	} else {
		s.place.Tracer, s.place.Meter = up.Tracer, up.Meter
	}
	if up != nil {
		outer := scopeOf(up)
		s.up, s.task = up, taskOf(up)
		s.depth = depthOf(up) + 1
		s.head = outer.head
		if lent == nil && !up.Strand.Elsewhere() {
			s.place.Strand, s.exec = up.Strand, outer.exec
		} else {
			s.makeTop(lent)
		}
		s.timed, s.timedUp = outer.timed, outer.timed
		if s.movable || s.shield {
			s.timed = s
		}
		if s.depth <= pathHead {
			s.head = s
		}
		s.show()
		if attach(up, s) {
			return
		}
		s.late = true
	}
	s.up, s.task, s.timedUp, s.depth = nil, nil, nil, 1
	s.timed = nil
	if s.movable || s.shield {
		s.timed = s
	}
	s.head = s
	s.makeTop(lent)
	s.show()
	roots.add(s)
}

// makeTop gives the scope a strand for its body and something to run its tasks:
// what a host has lent, or else goroutines of its own.
func (s *Scope) makeTop(lent executor.Runner) {
	s.place.Strand, s.exec = &s.strand, lent
	if lent == nil {
		s.exec = &s.own
		s.strand.Bind(park.Current())
	}
}

// isTop reports whether what runs the scope's tasks is its own, and ends with
// it: that of a root, of a guest run, and of a scope that was opened on a
// goroutine with the ctx of a host task, whose tasks are goroutines.
func (s *Scope) isTop() bool { return s.place.Strand == &s.strand }

// isGuest reports whether a host's loop runs the scope.
func (s *Scope) isGuest() bool { return s.isTop() && s.exec != executor.Runner(&s.own) }

// begin starts the scope's own cancellation on top of base, and everything
// that can trigger it. It needs mu.
func (s *Scope) begin(base context.Context, shielded bool) {
	if s.timeout != nil {
		s.deadline = earliest(s.deadline, s.opened.Add(*s.timeout))
	}
	s.apart = shielded
	s.follows = !shielded && s.up != nil && s.covered()
	watch := !shielded && !s.covered()
	if !s.deadline.IsZero() {
		s.due = s.deadlineCause(s.deadline)
		base, s.free = context.WithDeadlineCause(base, s.deadline, s.due)
		watch = true
	}
	s.std, s.stop = context.WithCancelCause(base)
	s.ends, _ = base.Deadline()
	s.place.Timed = s.movable || !s.ends.IsZero() || s.up != nil && scopeOf(s.up).place.Timed
	s.phase = open
	if s.before != nil {
		s.stop(s.before)
		s.note()
		return
	}
	if watch {
		s.hookContextLocked(s.std, func() { s.note(); s.spreadHook() })
	}
	if s.movable {
		s.armLocked()
	}
	if s.drain != nil {
		s.drain.armLocked(s)
	}
	if s.signals != nil {
		s.watchSignalsLocked()
	}
}

// covered reports whether every cancellation of the outer ctx comes through
// the tree, so that the scope need not watch for it.
func (s *Scope) covered() bool {
	if s.up == nil {
		return s.outer.Done() == nil
	}
	return s.outer == s.up.Ctx || s.outer.Done() == s.up.Ctx.Done()
}

// hookContextLocked has f called when ctx is cancelled; the scope's end waits
// for that call if it has begun.
func (s *Scope) hookContextLocked(ctx context.Context, f func()) {
	s.hooks++
	s.unhook = append(s.unhook, context.AfterFunc(ctx, func() {
		defer s.hookDone()
		f()
	}))
}

// hookDone says that a timer or context callback is over.
func (s *Scope) hookDone() {
	s.mu.Lock()
	s.hooks--
	s.wakeBodyLocked(nil)
	s.mu.Unlock()
}

// Name returns the scope's name: the one given with [Name], or else that of
// the body's function; "" for a nameless scope that was not run yet.
func (s *Scope) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nameNow()
}

func (s *Scope) nameNow() string {
	if s.name == "" && s.fn != 0 {
		return nameOf(s.fn)
	}
	return s.name
}

// Path returns the names from the root to this scope, joined by "/". A scope
// opened in a task stands below the task.
func (s *Scope) Path() string {
	s.mu.Lock()
	running := s.phase != made
	name := s.nameNow()
	s.mu.Unlock()
	if running {
		return s.path()
	}
	return name
}

// scopeOf returns the scope that p is in: the one whose body it is, or the one
// that owns the task.
func scopeOf(p *park.Place) *Scope {
	switch o := p.Owner.(type) {
	case *Scope:
		return o
	case *Child:
		return o.scope
	}
	return nil
}

// attach lists s below p. It fails if what p stands for has ended: then s is a
// root of its own.
func attach(p *park.Place, s *Scope) bool {
	switch o := p.Owner.(type) {
	case *Scope:
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.phase == closed {
			return false
		}
		s.insert(&o.inner)
	case *Child:
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.sealed {
			return false
		}
		s.insert(&o.inner)
	}
	return true
}

// detach undoes attach. Whoever waits for its inner scopes to end is woken.
func detach(p *park.Place, s *Scope) {
	switch o := p.Owner.(type) {
	case *Scope:
		o.mu.Lock()
		s.removeFrom(&o.inner)
		o.wakeBodyLocked(s.place.Strand)
		o.mu.Unlock()
	case *Child:
		o.mu.Lock()
		s.removeFrom(&o.inner)
		if o.inner == nil {
			o.exit.ServeAllBy(s.place.Strand)
		}
		o.mu.Unlock()
	}
}

func (s *Scope) insert(list **Scope) {
	s.next = *list
	if s.next != nil {
		s.next.prev = s
	}
	*list = s
}

func (s *Scope) removeFrom(list **Scope) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		*list = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.next, s.prev = nil, nil
}
