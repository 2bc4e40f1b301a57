package inspect

import (
	"cmp"
	"slices"
	"time"

	"github.com/corral-go/corral/internal/findings"
)

// queues is the answer of the screen of what tasks wait for.
type queues struct {
	head
	Watched []level  `json:"watched"` // see Watch
	Waited  []object `json:"waited"`  // who has waited longest first
	Hidden  int      `json:"hidden,omitempty"`
}

// level is a [Level] with its name.
type level struct {
	Name     text    `json:"name"`
	Size     int     `json:"size"`
	Capacity int     `json:"capacity"` // 0: none
	Peak     int     `json:"peak"`
	Waiting  int     `json:"waiting"`
	Oldest   float64 `json:"oldest"` // seconds
	Problem  text    `json:"problem,omitempty"`
}

// object is something that tasks wait for.
type object struct {
	Kind    string    `json:"kind"`
	Name    text      `json:"name,omitempty"`
	Waiting int       `json:"waiting"`
	Since   time.Time `json:"since"` // the first of them
	Holders []text    `json:"holders,omitempty"`
	Held    int       `json:"held,omitempty"`
}

func (c *config) queues(v *findings.View, q query) (any, bool) {
	out := &queues{head: c.head("queues", v), Watched: []level{}, Waited: []object{}}
	for _, w := range c.watches {
		out.Watched = append(out.Watched, w.level())
	}
	list := slices.Clone(v.Objects)
	slices.SortStableFunc(list, func(a, b *findings.Object) int {
		return cmp.Or(a.Oldest.Compare(b.Oldest), cmp.Compare(b.Waiting, a.Waiting))
	})
	for i, o := range list {
		if i == q.limit {
			out.Hidden, out.Truncated = len(list)-i, true
			break
		}
		out.Waited = append(out.Waited, object{o.Kind, clean(o.Name), o.Waiting, o.Oldest, cleanAll(o.Holders, mostHolders), len(o.Holders)})
	}
	return out, true
}

func (w *watch) level() level {
	said := make(chan Level, 1)
	problem := ""
	switch findings.Ask(func() { said <- w.read() }) {
	case findings.Returned:
		l := <-said
		return level{Name: clean(w.name), Size: l.Size, Capacity: l.Capacity, Peak: l.Peak, Waiting: l.Waiting, Oldest: l.Oldest.Seconds()}
	case findings.Panicked:
		problem = "its function panicked"
	case findings.Hangs:
		problem = "its function does not return"
	case findings.NotAsked:
		problem = "not asked: other code of the program hangs"
	}
	return level{Name: clean(w.name), Problem: text(problem)}
}
