package scope

import (
	"slices"
	"sync"
	"time"
	"weak"

	"go.opentelemetry.io/otel/trace"
)

// Snapshot is a scope, and everything in it, as it was in one moment. Different
// scopes are looked at one after the other, so a busy tree may have moved in
// between.
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

// Snapshot returns what is in the scope at this moment.
func (s *Scope) Snapshot() Snapshot {
	s.mu.Lock()
	if s.phase == made {
		defer s.mu.Unlock()
		return Snapshot{Name: s.nameNow(), Path: s.nameNow(), State: s.phase.String(), Deadline: s.deadlineLocked(), Shielded: s.shield}
	}
	snap := Snapshot{
		ID: s.id, Name: s.nameNow(), State: s.phase.String(), Opened: s.opened, Deadline: s.deadlineLocked(),
		Shielded: s.shield, Cause: s.causeLocked(), Span: s.place.Span.Context(),
	}
	var tasks []*Child
	for c := s.tasks; c != nil; c = c.next {
		tasks = append(tasks, c)
	}
	inner := listOf(s.inner)
	s.mu.Unlock()

	snap.Path = s.path()
	slices.Reverse(tasks)
	for _, c := range tasks {
		snap.Tasks = append(snap.Tasks, c.snapshot())
	}
	for _, n := range inner {
		snap.Scopes = append(snap.Scopes, n.Snapshot())
	}
	return snap
}

func (c *Child) snapshot() TaskSnapshot {
	// What it waits for is read first, and the state after it: who waits has
	// begun, and who is done waits no more (TestSnapshotFitsTogether).
	what, since, _ := c.strand.Waiting()
	state := c.State()
	c.mu.Lock()
	inner := listOf(c.inner)
	snap := TaskSnapshot{ID: c.id, Name: c.Name(), State: state, Started: c.begunAt(), Span: c.place.Span.Context()}
	c.mu.Unlock()
	snap.Path = c.path()
	if what != nil && state < Succeeded {
		mark := what.Awaited()
		snap.WaitingOn = &Wait{
			Kind: mark.Kind, Name: mark.Name, Since: since,
			Holders: mark.Holders, HeldSince: mark.Held, Waiters: mark.Waiters,
		}
	}
	for _, n := range inner {
		snap.Scopes = append(snap.Scopes, n.Snapshot())
	}
	return snap
}

// listOf returns a list of scopes, oldest first.
func listOf(first *Scope) []*Scope {
	var list []*Scope
	for s := first; s != nil; s = s.next {
		list = append(list, s)
	}
	slices.Reverse(list)
	return list
}

// openTasks returns the paths of some of the tasks that keep the scope open.
func (s *Scope) openTasks() []string {
	const enough = 16
	s.mu.Lock()
	var open []*Child
	for c := s.tasks; c != nil && len(open) < enough; c = c.next {
		open = append(open, c)
	}
	s.mu.Unlock()
	var paths []string
	for _, c := range open {
		paths = append(paths, c.path())
	}
	return paths
}

// Snapshots returns the trees of every open root scope in the process, oldest
// first.
func Snapshots() []Snapshot {
	var snaps []Snapshot
	for _, s := range roots.all() {
		snaps = append(snaps, s.Snapshot())
	}
	return snaps
}

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

func (r *registry) all() []*Scope {
	r.mu.Lock()
	var list []*Scope
	for _, w := range r.open {
		if s := w.Value(); s != nil {
			list = append(list, s)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *Scope) int { return int(a.id) - int(b.id) })
	return list
}
