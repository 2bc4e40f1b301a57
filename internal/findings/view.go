package findings

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

// A View is the live tree as it was seen in one walk.
type View struct {
	At       time.Time
	Roots    []*Scope
	Scopes   int // all of them, those in a group too
	Tasks    int
	Objects  []*Object
	Levels   []park.Level // of queues and limiters, by kind and name; see eye.levels
	Unseen   int          // queues and limiters that are not among these
	Findings []Finding
	Locked   bool // some of it was not seen: somebody held a lock for long
}

// A Scope is a scope, and those beside it that look alike.
type Scope struct {
	Count    int // of scopes; what follows is the first one's
	ID       uint64
	Name     string
	Path     string
	State    string // open, closing, closed; made: it is just being entered; locked
	Opened   time.Time
	Deadline time.Time
	Shielded bool
	Cause    *scope.CanceledError
	Ended    int // tasks that the cancellation has reached and that have ended, if it is traced
	Span     trace.SpanContext
	Body     *Wait // what the body of a root waits for, or nil
	Tasks    []*Task
	Scopes   []*Scope // opened in the body
	Locked   bool     // more would be in it
	Inside   Tally    // of the first one

	shape uint64
	alone bool // others are not counted with it
}

// A Task is a task, and those of its siblings that look alike: same name, same
// state, waiting for the same, with the same in them.
type Task struct {
	Count  int    // of tasks; what follows is the oldest one's
	ID     uint64 // smaller is older
	Name   string
	Path   string
	State  scope.State
	Began  time.Time // the earliest; zero: it has not
	Span   trace.SpanContext
	Wait   *Wait                // nil: it runs
	Cause  *scope.CanceledError // nil: it was not cancelled
	Scopes []*Scope
	Locked bool  // more would be in it
	Inside Tally // of the oldest

	shape uint64
}

// A Tally is how much is in a scope or task, however deep, itself not counted.
type Tally struct{ Scopes, Tasks int }

// plus adds n scopes or tasks with what is in each of them.
func (t Tally) plus(n int, each Tally) Tally {
	return Tally{t.Scopes + n*each.Scopes, t.Tasks + n*each.Tasks}
}

func inside(tasks []*Task, scopes []*Scope) (t Tally) {
	for _, k := range tasks {
		t = t.plus(k.Count, k.Inside)
		t.Tasks += k.Count
	}
	for _, s := range scopes {
		t = t.plus(s.Count, s.Inside)
		t.Scopes += s.Count
	}
	return t
}

// Wait is what a task, or tasks that look alike, wait for.
type Wait struct {
	Kind    string
	Name    string
	Since   time.Time // the earliest
	Holders []string
	Locked  bool // who holds it was not seen: somebody holds a lock of it
}

// An Object is what tasks wait for, by kind and name.
type Object struct {
	Kind    string
	Name    string
	Waiting int
	Oldest  time.Time // since when the first has waited
	Holders []string  // of the first
}

// A Finding is something that is wrong, or looks so.
type Finding struct {
	Certain bool // it cannot end by itself; else it is a suspicion
	Kind    Kind
	Text    string    // one line
	Since   time.Time // zero: not known
	Count   int       // how many of its kind look alike; Text is of the first
	IDs     []uint64  // of some of the tasks and scopes it is about
	Steps   []Step    // of a cycle: each waits for the next one's Who, the last for the first's
	More    bool      // Steps has the beginning only

	size int // of a cycle
}

// A Step is one wait in a cycle.
type Step struct {
	ID   uint64
	Who  string // a path
	Kind string // of the wait
	Name string
}

// Kind is a kind of finding.
type Kind string

const (
	// Deadlock is a cycle of tasks of which each waits for the next.
	Deadlock Kind = "deadlock"
	// LostWake is a wait for a future whose maker has ended.
	LostWake Kind = "lost-wake"
	// Idle is a root scope in which everything waits, and nothing that could
	// end that is known.
	Idle Kind = "idle"
	// Lingering is something that was cancelled and has not ended.
	Lingering Kind = "lingering"
	// LongShield is a shield that has been up for long.
	LongShield Kind = "shield"
	// FullQueue is a queue that has been full for long.
	FullQueue Kind = "full-queue"
	// UnreadError is a task that has failed and whose error nobody has: its
	// scope has Supervise(nil), nobody waited for it, and nobody has asked since.
	// Of each open scope the last few are known. Every other failure goes to a
	// handler, or to who called Run; what becomes of it there cannot be known.
	// Nor can it of a future that was settled with an error and let go: it stands
	// in no tree, and to know whether it was read, every read would have to leave
	// a mark. (testkit reports futures that are let go without a result.)
	UnreadError Kind = "unread-error"
	// LockOverQueue is a lock that is held by who waits for a queue.
	LockOverQueue Kind = "lock-over-queue"
)

// From when on something is said to be long.
const (
	LongCancel = time.Second
	LongFull   = time.Second
	LongUnread = time.Second
	LongHold   = 10 * time.Second // of a shield
	LongIdle   = 10 * time.Second
)
