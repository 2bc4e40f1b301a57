package findings

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

type tour = seam.Tour[scope.Snapshot, scope.TaskSnapshot]

var walk = seam.Walk.(func(tour))

// Look looks at everything that is open in the process. With try it waits for
// no lock that is held for long, and says what it has not seen.
func Look(try bool) *View { return LookApart(try, nil) }

// MaxApart is how many siblings of a name LookApart keeps apart.
const MaxApart = 1000

// LookApart is Look, but the oldest MaxApart of those that apart picks, by the id
// of what they are in (0: nothing) and their name, are not counted with others
// that look alike.
func LookApart(try bool, apart func(in uint64, name string) bool) *View {
	e := &eye{view: &View{At: time.Now()}, apart: apart, objects: map[objectKey]*Object{}, lists: map[like]*Finding{}}
	walk(tour{Try: try, Scope: e.scope, ScopeEnd: e.scopeEnd, Task: e.task, TaskEnd: e.taskEnd, Locked: e.locked})
	slices.SortStableFunc(e.view.Objects, func(a, b *Object) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	e.levels()
	e.view.Findings = e.certain(try)
	for _, f := range e.suspicions {
		e.view.Findings = append(e.view.Findings, *f)
	}
	return e.view
}

// eye builds a view.
type eye struct {
	view    *View
	apart   func(in uint64, name string) bool // nil: nobody
	open    []frame                           // where the walk is
	outside frame                             // of which only apart is used
	objects map[objectKey]*Object
	waiters []*waiter
	idle    idleness // of the root the walk is in
	lists   map[like]*Finding
	leveled levelled

	suspicions []*Finding
}

// frame is the scope or task that the walk is in.
type frame struct {
	scope  *Scope // nil: it is a task
	task   Task   // by value: one that looks like another takes no memory
	wait   Wait   // of the task
	owner  any
	line   uint64 // the task, or root scope, on whose line of execution this is
	groups map[key]*Task
	apart  map[string]int // how many of a name were kept apart
}

// key is what tasks have in common that look alike.
type key struct {
	name, kind, object, holder string
	state                      scope.State
	shape                      uint64
	locked                     bool
}

type objectKey struct{ kind, name string }

func (e *eye) scope(s *scope.Snapshot, at *seam.Sight) bool {
	e.view.Scopes++
	e.leveled.scope(at)
	f := frame{scope: &Scope{
		Count: 1, ID: s.ID, Name: s.Name, Path: seam.PathOf(at.Owner), State: s.State, Opened: s.Opened, Deadline: s.Deadline,
		Shielded: s.Shielded, Cause: s.Cause, Ended: at.Ended, Span: s.Span,
	}, line: s.ID}
	if up := e.top(); up != nil {
		f.line = up.line
	} else {
		e.idle = idleness{}
		e.idle.see(at)
	}
	if at.Waits {
		e.count(at)
		e.note(f.line, at)
		f.scope.Body = waitOf(at)
	}
	e.open = append(e.open, f)
	e.suspectScope(f.scope)
	e.suspectUnread(at)
	return true
}

func (e *eye) scopeEnd() {
	s := e.pop().scope
	s.shape = shapeOf(s)
	s.Inside = inside(s.Tasks, s.Scopes)
	up := e.top()
	switch {
	case up == nil:
		e.suspectRoot(s)
		e.view.Roots = merge(e.view.Roots, s, e.keepApart(nil, s.Name))
	case up.scope == nil:
		up.task.Scopes = merge(up.task.Scopes, s, e.keepApart(up, s.Name))
	default:
		up.scope.Scopes = merge(up.scope.Scopes, s, e.keepApart(up, s.Name))
	}
}

// keepApart reports whether what has just been seen is to stand by itself; up is
// what it is in.
func (e *eye) keepApart(up *frame, name string) bool {
	if e.apart == nil {
		return false
	}
	in := uint64(0)
	switch {
	case up == nil:
		up = &e.outside
	case up.scope != nil:
		in = up.scope.ID
	default:
		in = up.task.ID
	}
	if up.apart[name] == MaxApart || !e.apart(in, name) {
		return false
	}
	if up.apart == nil {
		up.apart = map[string]int{}
	}
	up.apart[name]++
	return true
}

func (e *eye) task(t *scope.TaskSnapshot, at *seam.Sight) bool {
	e.view.Tasks++
	f := frame{task: Task{Count: 1, ID: t.ID, Name: t.Name, State: t.State, Began: t.Started, Span: t.Span, Cause: causeOf(at)}, owner: at.Owner, line: t.ID}
	if at.Waits {
		e.count(at)
		e.note(t.ID, at)
		f.wait = *waitOf(at)
	}
	e.suspectTask(t, at, f.task.Cause)
	e.open = append(e.open, f)
	return true
}

func causeOf(at *seam.Sight) *scope.CanceledError {
	cause, _ := at.Cause.(*scope.CanceledError) //nolint:errorlint // nothing else is in it
	return cause
}

func (e *eye) taskEnd() {
	f := e.pop()
	t := &f.task
	k := key{name: t.Name, state: t.State, locked: t.Locked || f.wait.Locked, kind: f.wait.Kind, object: f.wait.Name}
	if len(f.wait.Holders) > 0 {
		k.holder = f.wait.Holders[0]
	}
	for _, s := range t.Scopes {
		k.shape = mix(k.shape, s.shape, uint64(s.Count))
	}
	up := e.top()
	alone := e.keepApart(up, t.Name)
	if like := up.groups[k]; like != nil {
		like.add(t, f.wait.Since)
		return
	}
	group := f.task
	group.Inside = inside(nil, t.Scopes)
	group.Path = seam.PathOf(f.owner)
	group.shape = maphash.Comparable(seed, k)
	if f.wait.Kind != "" {
		w := f.wait
		group.Wait = &w
	}
	if !alone {
		if up.groups == nil {
			up.groups = map[key]*Task{}
		}
		up.groups[k] = &group
	}
	up.scope.Tasks = append(up.scope.Tasks, &group)
}

// add counts another task that looks like t.
func (t *Task) add(u *Task, waits time.Time) {
	t.Count++
	if t.Began.IsZero() || !u.Began.IsZero() && u.Began.Before(t.Began) {
		t.Began = u.Began
	}
	if t.Wait != nil && waits.Before(t.Wait.Since) {
		t.Wait.Since = waits
	}
}

func (e *eye) locked() {
	e.view.Locked = true
	switch up := e.top(); {
	case up == nil:
	case up.scope == nil:
		up.task.Locked = true
	default:
		up.scope.Locked = true
	}
}

// top is where the walk is, or nil.
func (e *eye) top() *frame {
	if len(e.open) == 0 {
		return nil
	}
	return &e.open[len(e.open)-1]
}

func (e *eye) pop() frame {
	last := len(e.open) - 1
	f := e.open[last]
	e.open[last] = frame{}
	e.open = e.open[:last]
	return f
}

func waitOf(at *seam.Sight) *Wait {
	return &Wait{Kind: at.Mark.Kind, Name: at.Mark.Name, Since: at.Since, Holders: at.Mark.Holders, Locked: at.Mark.Locked}
}

// untold are the kinds of waits whose object the tree itself shows.
var untold = map[string]bool{
	"sleep": true, "blocking": true, "scope.join": true, "task.wait": true, "task.started": true, "wait": true, "signal": true,
}

// count counts a wait for its object.
func (e *eye) count(at *seam.Sight) {
	e.view.Locked = e.view.Locked || at.Mark.Locked
	if untold[at.Mark.Kind] {
		return
	}
	if at.Mark.Object != nil {
		e.leveled.see(at.Mark.Object)
	}
	k := objectKey{at.Mark.Kind, at.Mark.Name}
	o := e.objects[k]
	if o == nil {
		o = &Object{Kind: k.kind, Name: k.name, Oldest: at.Since, Holders: at.Mark.Holders}
		e.objects[k] = o
		e.view.Objects = append(e.view.Objects, o)
	}
	o.Waiting++
	if at.Since.Before(o.Oldest) {
		o.Oldest, o.Holders = at.Since, at.Mark.Holders
	}
}

// merge adds s to scopes that stand side by side.
func merge(list []*Scope, s *Scope, alone bool) []*Scope {
	if s.alone = alone; alone {
		return append(list, s)
	}
	// Most look like the one before, and a list of all that differ could be long.
	for _, like := range list[max(0, len(list)-16):] {
		if like.shape == s.shape && !like.alone {
			like.Count++
			if s.Opened.Before(like.Opened) {
				like.Opened = s.Opened
			}
			if like.Body != nil && s.Body.Since.Before(like.Body.Since) {
				like.Body.Since = s.Body.Since
			}
			return list
		}
	}
	return append(list, s)
}

var seed = maphash.MakeSeed()

func mix(values ...uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range values {
		maphash.WriteComparable(&h, v)
	}
	return h.Sum64()
}

// shapeOf is equal for scopes that look alike.
func shapeOf(s *Scope) uint64 {
	look := struct {
		name, state, kind, object, holder string
		shielded, locked                  bool
		cause                             scope.Kind
	}{name: s.Name, state: s.State, shielded: s.Shielded, locked: s.Locked}
	if s.Cause != nil {
		look.cause = s.Cause.Kind
	}
	if s.Body != nil {
		look.kind, look.object = s.Body.Kind, s.Body.Name
		if len(s.Body.Holders) > 0 {
			look.holder = s.Body.Holders[0]
		}
	}
	shape := maphash.Comparable(seed, look)
	for _, t := range s.Tasks {
		shape = mix(shape, t.shape, uint64(t.Count))
	}
	shape = mix(shape, uint64(len(s.Tasks)))
	for _, in := range s.Scopes {
		shape = mix(shape, in.shape, uint64(in.Count))
	}
	return shape
}
