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
	mu   sync.Mutex // guards open
	open map[uint64]weak.Pointer[Scope]
}

func (r *registry) add(s *Scope) {
	w := weak.Make(s)
	r.mu.Lock()
	if r.open == nil {
		r.open = make(map[uint64]weak.Pointer[Scope])
	}
	r.open[s.id] = w
	r.mu.Unlock()
}

func (r *registry) remove(s *Scope) {
	r.mu.Lock()
	delete(r.open, s.id)
	r.mu.Unlock()
}

// all returns the open root scopes, oldest first, unless it cannot have lock.
func (r *registry) all(lock park.Look) (list []*Scope, ok bool) {
	if !lock(&r.mu) {
		return nil, false
	}
	for _, w := range r.open {
		if s := w.Value(); s != nil {
			list = append(list, s)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *Scope) int { return cmp.Compare(a.id, b.id) })
	return list, true
}
