package findings

import (
	"cmp"
	"slices"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// maxLevels is how many queues and limiters are looked at.
const maxLevels = 1000

// levelled is the queues and limiters that a walk comes by: those that somebody
// waits for, and, where there are metrics, those that these know. (They know
// what has been used since; nothing else keeps a list.)
type levelled struct {
	seen   map[park.Leveled]bool
	look   park.Look // the walk's
	list   []park.Level
	unseen int
	meters []*otelx.Meter // those of the scopes; few
}

func (l *levelled) scope(at *seam.Sight) {
	l.look = at.Look
	m := seam.MeterOf(at.Owner)
	if m != nil && !slices.Contains(l.meters, m) && len(l.meters) < 16 {
		l.meters = append(l.meters, m)
	}
}

// see looks at an object, the first time it comes.
func (l *levelled) see(o park.Leveled) {
	if l.seen[o] {
		return
	}
	if len(l.list) == maxLevels {
		l.unseen++ // or more than one time for one
		return
	}
	if l.seen == nil {
		l.seen = map[park.Leveled]bool{}
	}
	l.seen[o] = true
	l.list = append(l.list, o.Level(l.look))
}

// levels fills in those of the view, when the walk is over.
func (e *eye) levels() {
	l := &e.leveled
	for _, m := range l.meters {
		alive, ok := m.Watched()
		e.view.Locked = e.view.Locked || !ok
		for _, v := range alive {
			if o, is := v.(park.Leveled); is {
				l.see(o)
			}
		}
	}
	slices.SortStableFunc(l.list, func(a, b park.Level) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(b.Size, a.Size))
	})
	for _, v := range l.list {
		e.view.Locked = e.view.Locked || v.Locked
	}
	e.view.Levels, e.view.Unseen = l.list, l.unseen
}
