package inspect

import (
	"time"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// waterfall is one scope, with what is in it one by one, in time.
type waterfall struct {
	head
	Rows   []row `json:"rows"` // the scope first; what is in something follows it
	Hidden int   `json:"hidden,omitempty"`
}

// row is a scope or task that began at Since and waits since Wait.Since.
type row struct {
	Kind  string    `json:"kind"` // scope, task
	ID    uint64    `json:"id"`
	Level int       `json:"level"`
	Name  text      `json:"name"`
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"` // zero: it has not begun
	Wait  *wait     `json:"wait,omitempty"`
}

const mostRows = 300

var walk = seam.Walk.(func(seam.Tour[scope.Snapshot, scope.TaskSnapshot]))

// waterfall walks the tree for one scope, or for the task that is in it.
func (c *config) waterfall(v *findings.View, q query) (any, bool) {
	f := faller{want: q.id, most: min(q.limit, mostRows)}
	f.out.head = c.head("scope", v)
	f.out.At = time.Now()
	walk(seam.Tour[scope.Snapshot, scope.TaskSnapshot]{
		Try:      true,
		Scope:    f.scope,
		ScopeEnd: f.end,
		Task:     f.task,
		TaskEnd:  f.end,
		Locked:   func() { f.out.Locked = f.out.Locked || f.level > 0 },
	})
	f.out.Truncated = f.out.Hidden > 0
	return &f.out, len(f.out.Rows) > 0
}

type faller struct {
	want  uint64
	most  int
	level int // 0: it is not in what is wanted
	out   waterfall
}

func (f *faller) scope(s *scope.Snapshot, at *seam.Sight) bool {
	f.add("scope", s.ID, s.Name, s.State, s.Opened, at)
	return true
}

func (f *faller) task(t *scope.TaskSnapshot, at *seam.Sight) bool {
	f.add("task", t.ID, t.Name, t.State.String(), t.Started, at)
	return true
}

func (f *faller) add(kind string, id uint64, name, state string, since time.Time, at *seam.Sight) {
	switch {
	case f.level == 0 && id != f.want:
		return
	case len(f.out.Rows) == f.most:
		f.out.Hidden++
	default:
		r := row{Kind: kind, ID: id, Level: f.level, Name: clean(name), State: state, Since: since}
		if at.Waits {
			r.Wait = &wait{Kind: at.Mark.Kind, Name: clean(at.Mark.Name), Since: at.Since, Holders: cleanAll(at.Mark.Holders, mostHolders), Held: len(at.Mark.Holders), Locked: at.Mark.Locked}
		}
		f.out.Rows = append(f.out.Rows, r)
	}
	f.level++
}

func (f *faller) end() {
	if f.level > 0 {
		f.level--
	}
}
