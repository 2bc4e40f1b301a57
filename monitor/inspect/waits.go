package inspect

import (
	"slices"
	"time"

	"github.com/corral-go/corral/internal/findings"
)

// waits is the answer of the screen that shows who waits for whom.
type waits struct {
	head
	Stuck  []finding `json:"stuck"` // deadlocks, and wakes that are lost
	List   []waiting `json:"list"`  // who has waited longest first
	Hidden int       `json:"hidden,omitempty"`
}

// waiting is a task, or the body of a root scope, that waits.
type waiting struct {
	Who   string `json:"kind"` // scope, task
	ID    uint64 `json:"id"`
	Count int    `json:"count"`
	Path  text   `json:"path"`
	Wait  *wait  `json:"wait"`
}

func (c *config) waits(v *findings.View, q query) (any, bool) {
	out := &waits{head: c.head("waits", v), Stuck: []finding{}, List: []waiting{}}
	for _, f := range v.Findings {
		if f.Kind == findings.Deadlock || f.Kind == findings.LostWake {
			out.Stuck = append(out.Stuck, findingOf(f))
		}
	}
	all := waitersIn(v)
	slices.SortStableFunc(all, func(a, b item) int { return a.waits().Compare(b.waits()) })
	for i, it := range all {
		if i == q.limit {
			out.Hidden, out.Truncated = len(all)-i, true
			break
		}
		w := waiting{ID: it.id(), Count: it.count(), Wait: waitOf(it.wait())}
		if it.task != nil {
			w.Who, w.Path = "task", clean(it.task.Path)
		} else {
			w.Who, w.Path = "scope", clean(it.scope.Path)
		}
		out.List = append(out.List, w)
	}
	return out, true
}

// waitersIn returns who waits for something that somebody else has to do.
func waitersIn(v *findings.View) (all []item) {
	todo := rootsOf(v)
	slices.Reverse(todo)
	for len(todo) > 0 {
		it := todo[len(todo)-1]
		below := it.children()
		slices.Reverse(below)
		todo = append(todo[:len(todo)-1], below...)
		if w := it.wait(); w != nil && w.Kind != "sleep" && w.Kind != "signal" && w.Kind != "blocking" {
			all = append(all, it)
		}
	}
	return all
}

// found is the answer of the screen of findings.
type found struct {
	head
	List []finding `json:"list"` // what is certain first
}

// finding is something that is wrong, or looks so.
type finding struct {
	Kind    string    `json:"kind"`
	Certain bool      `json:"certain"`
	Text    text      `json:"text"`
	Since   time.Time `json:"since,omitzero"`
	Count   int       `json:"count"`
	IDs     []uint64  `json:"ids,omitempty"`   // of some of those it is about
	Steps   []step    `json:"steps,omitempty"` // of a cycle: each waits for the next, and the last for the first, unless more is set
	More    bool      `json:"more,omitempty"`
}

type step struct {
	ID   uint64 `json:"id"`
	Who  text   `json:"who"`
	Kind string `json:"kind"`
	Name text   `json:"name,omitempty"`
}

func (c *config) findings(v *findings.View, _ query) (any, bool) {
	out := &found{head: c.head("findings", v), List: []finding{}}
	for _, f := range v.Findings {
		out.List = append(out.List, findingOf(f))
	}
	return out, true
}

func findingOf(f findings.Finding) finding {
	out := finding{Kind: string(f.Kind), Certain: f.Certain, Text: clean(f.Text), Since: f.Since, Count: f.Count, IDs: f.IDs, More: f.More}
	for _, s := range f.Steps {
		out.Steps = append(out.Steps, step{s.ID, clean(s.Who), s.Kind, clean(s.Name)})
	}
	return out
}
