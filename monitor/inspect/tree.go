package inspect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/corral-go/corral/internal/findings"
)

const (
	broadest   = 200  // children of one node, unless it is asked for
	broadest2  = 1000 // if it is
	deepest    = 64   // levels
	sortAge    = "age"
	sortWait   = "wait"
	sortCount  = "count"
	sortInside = "inside"
	sortName   = "name"
)

var sorts = []string{sortAge, sortWait, sortCount, sortInside, sortName}

// tree is the answer of the first screen.
type tree struct {
	head
	Nodes  []*node `json:"nodes"`
	Hidden int     `json:"hidden,omitempty"` // of the topmost
}

// node is a scope or task, and how many beside it look alike; what is said is of
// the oldest.
type node struct {
	Kind     string    `json:"kind"` // scope, task
	ID       uint64    `json:"id"`
	Count    int       `json:"count"`
	Name     text      `json:"name"`
	Path     text      `json:"path"`
	State    string    `json:"state"`
	Since    time.Time `json:"since,omitzero"` // opened, or begun
	Deadline time.Time `json:"deadline,omitzero"`
	Shielded bool      `json:"shielded,omitempty"`
	Locked   bool      `json:"locked,omitempty"` // more would be in it
	Wait     *wait     `json:"wait,omitempty"`
	Cause    *cause    `json:"cause,omitempty"`
	Span     *span     `json:"span,omitempty"`
	Scopes   int       `json:"scopes,omitempty"` // in it, however deep
	Tasks    int       `json:"tasks,omitempty"`
	Children []*node   `json:"children,omitempty"`
	Hidden   int       `json:"hidden,omitempty"` // children that are not here
}

func (c *config) tree(v *findings.View, q query) (any, bool) {
	out := &tree{head: c.head("tree", v), Nodes: []*node{}}
	g := grower{q: q, causes: causes{}, left: q.limit, extra: q.limit}
	top := branch{children: rootsOf(v), list: &out.Nodes, hidden: &out.Hidden}
	if q.in != 0 {
		it, ok := findIn(v, q.in)
		if !ok {
			return nil, false
		}
		top.children = []item{it}
	}
	if q.find != "" {
		g.found = map[any]bool{}
		for _, it := range top.children {
			g.look(it, false)
		}
	}
	g.grow(top)
	out.Truncated = g.truncated
	return out, true
}

// grower chooses what to send: level by level, so that what is further out comes
// first, until the limit is reached. What was opened on purpose has a share of
// its own.
type grower struct {
	q         query
	causes    causes
	left      int
	extra     int
	found     map[any]bool // what has a match in it; nil: all have
	truncated bool
	queue     []branch
}

// branch is a node whose children are to be chosen.
type branch struct {
	id       uint64
	level    int
	children []item
	list     *[]*node
	hidden   *int
}

func (g *grower) grow(top branch) {
	g.queue = append(g.queue, top)
	for len(g.queue) > 0 {
		b := g.queue[0]
		g.queue = g.queue[1:]
		g.extend(b)
	}
}

func (g *grower) extend(b branch) {
	opened := g.q.open[b.id] || b.id == 0
	switch {
	case g.q.shut[b.id]:
		*b.hidden = len(b.children)
		return
	case b.level == deepest:
		*b.hidden = len(b.children)
		g.truncated = true
		return
	}
	children := g.sorted(b.children)
	room := broadest
	if opened {
		room = broadest2
	}
	for i, it := range children {
		if i == room || !g.pay(opened) {
			*b.hidden = len(children) - i
			g.truncated = true
			return
		}
		n := g.node(it)
		*b.list = append(*b.list, n)
		if below := it.children(); len(below) > 0 {
			g.queue = append(g.queue, branch{n.ID, b.level + 1, below, &n.Children, &n.Hidden})
		}
	}
}

func (g *grower) pay(opened bool) bool {
	switch {
	case g.left > 0:
		g.left--
	case opened && g.extra > 0:
		g.extra--
	default:
		return false
	}
	return true
}

// sorted returns those of list that have a match in them, as was asked for.
func (g *grower) sorted(list []item) []item {
	if g.found != nil {
		list = slices.DeleteFunc(slices.Clone(list), func(it item) bool { return !g.found[it.key()] })
	}
	var by func(a, b item) int
	switch g.q.sort {
	case sortWait:
		by = func(a, b item) int { return compareTimes(a.waits(), b.waits()) }
	case sortCount:
		by = func(a, b item) int { return cmp.Compare(b.count(), a.count()) }
	case sortInside:
		by = func(a, b item) int { return cmp.Compare(b.inside(), a.inside()) }
	case sortName:
		by = func(a, b item) int { return strings.Compare(a.name(), b.name()) }
	default: // as they come: tasks, then scopes, each oldest first
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, by)
	return list
}

// look notes whether it, what it is in, or what is in it, has what is looked for
// in its name.
func (g *grower) look(it item, above bool) bool {
	found := above || strings.Contains(strings.ToLower(it.name()), g.q.find)
	within := found
	for _, below := range it.children() {
		if g.look(below, found) {
			within = true
		}
	}
	if within {
		g.found[it.key()] = true
	}
	return within
}

func (g *grower) node(it item) *node {
	if t := it.task; t != nil {
		return &node{
			Kind: "task", ID: t.ID, Count: t.Count, Name: clean(t.Name), Path: clean(t.Path), State: t.State.String(), Since: t.Began,
			Locked: t.Locked, Wait: waitOf(t.Wait), Cause: g.causes.of(t.Cause), Span: spanOf(t.Span),
			Scopes: t.Inside.Scopes, Tasks: t.Inside.Tasks,
		}
	}
	s := it.scope
	return &node{
		Kind: "scope", ID: s.ID, Count: s.Count, Name: clean(s.Name), Path: clean(s.Path), State: s.State, Since: s.Opened, Deadline: s.Deadline,
		Shielded: s.Shielded, Locked: s.Locked, Wait: waitOf(s.Body), Cause: g.causes.of(s.Cause), Span: spanOf(s.Span),
		Scopes: s.Inside.Scopes, Tasks: s.Inside.Tasks,
	}
}

// compareTimes puts the earlier first, and no time last.
func compareTimes(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return cmp.Compare(b.Unix(), a.Unix())
	}
	return a.Compare(b)
}
