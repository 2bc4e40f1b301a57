package inspect

import (
	"slices"
	"time"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/scope"
)

// cancellations is the answer of the screen of that name: what was cancelled and
// has not ended. What has ended is gone: nothing writes a log of it while nobody
// looks; the trace has it.
type cancellations struct {
	head
	List   []*cancellation `json:"list"` // newest first
	Hidden int             `json:"hidden,omitempty"`
}

// cancellation is one that began at a scope or task.
type cancellation struct {
	Kind   string     `json:"kind"` // scope, task
	ID     uint64     `json:"id"`
	Count  int        `json:"count"`
	Path   text       `json:"path"`
	State  string     `json:"state"`
	Cause  *cause     `json:"cause"`
	Left   int        `json:"left"`            // tasks that it has reached and that have not ended
	Ended  int        `json:"ended,omitempty"` // that have; known where there are spans
	Tasks  []lingerer `json:"tasks"`           // these, those that have run longest first
	Hidden int        `json:"hidden,omitempty"`
}

// lingerer is a task that was cancelled and has not ended.
type lingerer struct {
	ID    uint64    `json:"id"`
	Count int       `json:"count"`
	Path  text      `json:"path"`
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"` // begun
	Wait  *wait     `json:"wait,omitempty"`
	Span  *span     `json:"span,omitempty"`
}

const mostLingerers = 50

func (c *config) cancellations(v *findings.View, q query) (any, bool) {
	out := &cancellations{head: c.head("cancellations", v), List: []*cancellation{}}
	w := wreck{}
	for _, s := range v.Roots {
		w.scope(s, nil, nil)
	}
	slices.SortStableFunc(w.found, func(a, b *open) int { return b.cause.At.Compare(a.cause.At) })
	texts := causes{}
	for i, o := range w.found {
		if i == q.limit {
			out.Hidden, out.Truncated = len(w.found)-i, true
			break
		}
		k := o.tell(texts)
		out.Truncated = out.Truncated || k.Hidden > 0
		out.List = append(out.List, k)
	}
	return out, true
}

// wreck collects what was cancelled and has not ended.
type wreck struct{ found []*open }

// open is a cancellation that is not over.
type open struct {
	item
	cause *scope.CanceledError
	left  int
	ended int
	tasks []*findings.Task
}

// begin returns the cancellation that goes on, or that begins, in it.
func (w *wreck) begin(it item, cause, above *scope.CanceledError, in *open) *open {
	switch {
	case cause == nil:
		return nil
	case cause == above && in != nil:
		return in
	}
	o := &open{item: it, cause: cause}
	w.found = append(w.found, o)
	return o
}

// scope visits s; above is the cause of what it is in, and in the cancellation.
func (w *wreck) scope(s *findings.Scope, above *scope.CanceledError, in *open) {
	in = w.begin(item{scope: s}, s.Cause, above, in)
	if in != nil {
		in.ended += s.Ended * s.Count
	}
	for _, t := range s.Tasks {
		w.task(t, s.Cause, in)
	}
	for _, inner := range s.Scopes {
		w.scope(inner, s.Cause, in)
	}
}

func (w *wreck) task(t *findings.Task, above *scope.CanceledError, in *open) {
	cause := above
	if cause == nil {
		cause = t.Cause
	}
	in = w.begin(item{task: t}, cause, above, in)
	if in != nil {
		in.left += t.Count
		in.tasks = append(in.tasks, t)
	}
	for _, s := range t.Scopes {
		w.scope(s, cause, in)
	}
}

func (o *open) tell(texts causes) *cancellation {
	k := &cancellation{Kind: "scope", ID: o.id(), Count: o.count(), Cause: texts.of(o.cause), Left: o.left, Ended: o.ended, Tasks: []lingerer{}}
	if o.task != nil {
		k.Kind, k.Path, k.State = "task", clean(o.task.Path), o.task.State.String()
	} else {
		k.Path, k.State = clean(o.scope.Path), o.scope.State
	}
	slices.SortStableFunc(o.tasks, func(a, b *findings.Task) int { return compareTimes(a.Began, b.Began) })
	for i, t := range o.tasks {
		if i == mostLingerers {
			k.Hidden = len(o.tasks) - i
			break
		}
		k.Tasks = append(k.Tasks, lingerer{t.ID, t.Count, clean(t.Path), t.State.String(), t.Began, waitOf(t.Wait), spanOf(t.Span)})
	}
	return k
}
