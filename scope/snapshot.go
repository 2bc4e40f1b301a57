package scope

import (
	"cmp"
	"slices"
	"sync"
	"time"
	"weak"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// Snapshot is a scope, and everything in it, as it was in one moment. Different
// scopes, different tasks, and the tasks of a scope that has hundreds, are
// looked at one after the other, so a busy tree may have moved in between.
type Snapshot struct {
	ID       uint64
	Name     string
	Path     string
	State    string // open, closing, closed; made, before Run
	Opened   time.Time
	Deadline time.Time // zero: none
	Shielded bool
	Cause    *CanceledError
	Span     trace.SpanContext
	Tasks    []TaskSnapshot // that have not ended, oldest first
	Scopes   []Snapshot     // opened in the body, oldest first
}

// TaskSnapshot is a task as it was in one moment.
type TaskSnapshot struct {
	ID        uint64
	Name      string
	Path      string
	State     State
	Started   time.Time // zero if it has not begun
	WaitingOn *Wait     // nil: it runs
	Span      trace.SpanContext
	Scopes    []Snapshot // opened in the task, oldest first
}

// Wait is what a task waits for.
type Wait struct {
	Kind    string // "queue.get", "future.wait", "lock.acquire", "sleep", "scope.join"...
	Name    string
	Since   time.Time
	Holders []string // paths of tasks that can end the wait, where known
	// HeldSince says that the holders have had it since then, or longer; zero
	// if that is not known.
	HeldSince time.Time
	// Waiters is how many wait for the same thing, this task included; 0 if
	// that is not counted.
	Waiters int
}

// Snapshot returns what is in the scope at this moment. Like [Scope.Cause] it is
// for callers in the scope's own synctest bubble, if that is in one; [Snapshots]
// is for all.
func (s *Scope) Snapshot() Snapshot {
	s.mu.Lock()
	if s.phase == made {
		defer s.mu.Unlock()
		return Snapshot{Name: s.nameNow(), Path: s.nameNow(), State: s.phase.String(), Deadline: s.deadlineLocked(), Shielded: s.shield}
	}
	s.mu.Unlock()
	var a album
	l := newLook(a.tour())
	l.home = true
	l.scope(s, nil)
	return a.done[0]
}

// Snapshots returns the trees of every open root scope in the process, oldest
// first.
func Snapshots() []Snapshot {
	var a album
	newLook(a.tour()).roots()
	return a.done
}

// album keeps what a walk sees.
type album struct {
	done []Snapshot // the outermost scopes
	open []page     // the scopes that the walk is in
}

type page struct {
	Snapshot
	inTask bool // the walk is in the last of Tasks
}

func (a *album) tour() seam.Tour[Snapshot, TaskSnapshot] {
	return seam.Tour[Snapshot, TaskSnapshot]{Scope: a.scope, ScopeEnd: a.scopeEnd, Task: a.task, TaskEnd: a.taskEnd}
}

func (a *album) scope(s *Snapshot, at *seam.Sight) bool {
	s.Path = seam.PathOf(at.Owner)
	a.open = append(a.open, page{Snapshot: *s})
	return true
}

func (a *album) scopeEnd() {
	last := len(a.open) - 1
	s := a.open[last].Snapshot
	a.open[last] = page{}
	a.open = a.open[:last]
	if last == 0 {
		a.done = append(a.done, s)
		return
	}
	up := &a.open[last-1]
	to := &up.Scopes
	if up.inTask {
		to = &up.Tasks[len(up.Tasks)-1].Scopes
	}
	*to = append(*to, s)
}

func (a *album) task(t *TaskSnapshot, at *seam.Sight) bool {
	t.Path = seam.PathOf(at.Owner)
	if at.Waits {
		t.WaitingOn = &Wait{
			Kind: at.Mark.Kind, Name: at.Mark.Name, Since: at.Since,
			Holders: at.Mark.Holders, HeldSince: at.Mark.Held, Waiters: at.Mark.Waiters,
		}
	}
	up := &a.open[len(a.open)-1]
	up.Tasks = append(up.Tasks, *t)
	up.inTask = true
	return true
}

func (a *album) taskEnd() { a.open[len(a.open)-1].inTask = false }

// roots are the open root scopes. It holds them weakly: a strong registry would
// make every goroutine that is blocked for ever look reachable, and so hide it
// from the runtime's leak detection.
var roots registry

type registry struct {
	mu     sync.Mutex // guards the rest, what a tie leads to, and the links of the entries
	open   *entry
	spares *entry
	spare  int // how many those are
}

// A tie leads to an open root scope, and is held by that alone. A weak pointer is
// dear to make, and every root would need one, so a tie and its entry are used
// again; while they are spare, the entry holds the tie.
type tie struct {
	scope *Scope
	entry *entry
}

// entry is where the registry lists a tie.
type entry struct {
	to         weak.Pointer[tie]
	held       *tie
	next, prev *entry
}

// maxSpare is how many ties are kept for the next root scope.
const maxSpare = 64

func (r *registry) add(s *Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.spares
	if e != nil {
		r.spares, r.spare = e.next, r.spare-1
		s.tie, e.held = e.held, nil
	} else {
		e = new(entry)
		s.tie = &tie{entry: e}
		e.to = weak.Make(s.tie)
	}
	s.tie.scope = s
	if e.next = r.open; e.next != nil {
		e.next.prev = e
	}
	r.open = e
}

func (r *registry) remove(s *Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := s.tie
	if t == nil { // a guest run that was lost, and has ended all the same
		return
	}
	e := t.entry
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		r.open = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.next, e.prev = nil, nil
	t.scope, s.tie = nil, nil
	if r.spare < maxSpare {
		e.held, e.next = t, r.spares
		r.spares, r.spare = e, r.spare+1
	}
}

// all returns the open root scopes, oldest first, unless it cannot have lock.
func (r *registry) all(lock park.Look) (list []*Scope, ok bool) {
	if !lock(&r.mu) {
		return nil, false
	}
	for e := r.open; e != nil; e = e.next {
		if t := e.to.Value(); t != nil {
			list = append(list, t.scope)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *Scope) int { return cmp.Compare(a.id, b.id) })
	return list, true
}
