package inspect

import (
	"cmp"
	"slices"
	"time"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/internal/park"
)

// queues is the answer of the screen of what tasks wait for.
type queues struct {
	head
	Watched []level  `json:"watched"` // see Watch
	Levels  []level  `json:"levels"`  // queues and limiters that were come by: those with most waiting first
	Unseen  int      `json:"unseen,omitempty"`
	Waited  []object `json:"waited"` // who has waited longest first
	Hidden  int      `json:"hidden,omitempty"`
}

// level is a [Level] with its name.
type level struct {
	Kind     string  `json:"kind,omitempty"` // queue, limiter; absent of what is watched
	Name     text    `json:"name"`
	Size     int     `json:"size"`
	Capacity int     `json:"capacity"` // of a queue, 0: any number
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
	out := &queues{head: c.head("queues", v), Watched: []level{}, Levels: []level{}, Waited: []object{}}
	for _, w := range c.watches {
		out.Watched = append(out.Watched, w.level())
	}
	out.found(v, q.limit)
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

// found adds the queues and limiters that the walk came by.
func (out *queues) found(v *findings.View, limit int) {
	list := slices.Clone(v.Levels)
	slices.SortStableFunc(list, func(a, b park.Level) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Size, a.Size))
	})
	shown := min(limit, len(list))
	if out.Unseen = v.Unseen + len(list) - shown; out.Unseen > 0 {
		out.Truncated = true
	}
	for _, l := range list[:shown] {
		row := level{Kind: l.Kind, Name: clean(l.Name), Size: l.Size, Capacity: l.Capacity, Peak: l.Peak, Waiting: l.Waiting, Oldest: l.Oldest.Seconds()}
		if l.Locked {
			row.Problem = "somebody holds its lock"
		}
		out.Levels = append(out.Levels, row)
	}
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
