package findings

import (
	"slices"
	"time"

	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// A waiter is a line of execution, a task or the body of a root scope, in a wait
// of which is known who can end it.
type waiter struct {
	line    uint64
	owner   any
	kind    string
	name    string
	since   time.Time
	holders []string
	ids     []uint64
	maker   string
	makerID uint64

	on    []*waiter // those of its holders that wait themselves
	stuck bool      // one of them, at least, for good
}

// needs reports whether a wait cannot end before each of its holders has moved.
// A lock has one owner who alone can release it; of a semaphore or limiter any
// holder can do, or somebody unknown.
func needs(kind string, holders int) bool {
	switch kind {
	case "task.wait", "scope.join":
		return true
	case "lock.acquire", "resource.acquire":
		return holders == 1
	}
	return false
}

// note keeps a wait that may be part of a deadlock.
func (e *eye) note(line uint64, at *seam.Sight) {
	if w := waiterOf(line, at); w != nil {
		e.waiters = append(e.waiters, w)
	}
}

func waiterOf(line uint64, at *seam.Sight) *waiter {
	m := &at.Mark
	if !at.Parked || m.MakerID == 0 && !needs(m.Kind, len(m.Holders)) {
		return nil
	}
	return &waiter{
		line: line, owner: at.Owner, kind: m.Kind, name: m.Name, since: at.Since,
		holders: m.Holders, ids: m.IDs, maker: m.Maker, makerID: m.MakerID,
	}
}

// certain returns what cannot end by itself, and who holds a lock while waiting
// for a queue. If there may be any of that, it walks the tree again: what holds
// in both walks has held, as one, all the time between them.
func (e *eye) certain(try bool) []Finding {
	if !e.mayStick() {
		return nil
	}
	a := again{first: map[uint64]*waiter{}, kept: map[uint64]*waiter{}, ids: map[uint64]sighting{}, paths: map[string][]uint64{}}
	for _, w := range e.waiters {
		a.want(w)
	}
	walk(a.tour(try))
	found := a.lost()
	found = append(found, a.cycles()...)
	e.overQueue(&a)
	e.view.Locked = e.view.Locked || a.locked
	return found
}

// mayStick reports whether it is worth to look again.
func (e *eye) mayStick() bool {
	lines := map[uint64]*waiter{}
	for _, w := range e.waiters {
		if w.makerID != 0 || len(w.ids) != len(w.holders) {
			return true
		}
		lines[w.line] = w
	}
	for _, w := range e.waiters {
		for _, id := range w.ids {
			if h := lines[id]; h != nil {
				w.on = append(w.on, h)
			}
		}
	}
	return len(stuck(e.waiters)) > 0
}

// stuck returns those of ws that wait for one another: what is left when those
// who wait for nobody are taken away, and then those who wait for them only.
func stuck(ws []*waiter) []*waiter {
	left := map[*waiter]int{}
	behind := map[*waiter][]*waiter{}
	for _, w := range ws {
		left[w] = len(w.on)
		for _, h := range w.on {
			behind[h] = append(behind[h], w)
		}
	}
	var free []*waiter
	for _, w := range ws {
		if left[w] == 0 {
			free = append(free, w)
		}
	}
	for len(free) > 0 {
		w := free[len(free)-1]
		free = free[:len(free)-1]
		delete(left, w)
		for _, b := range behind[w] {
			if left[b]--; left[b] == 0 {
				free = append(free, b)
			}
		}
	}
	var rest []*waiter
	for _, w := range ws {
		if _, ok := left[w]; ok {
			w.stuck = true
			rest = append(rest, w)
		}
	}
	return rest
}

// again is the second walk.
type again struct {
	first  map[uint64]*waiter  // by line, as the first walk saw them
	kept   map[uint64]*waiter  // those that still are in the same wait
	order  []*waiter           // of kept
	ids    map[uint64]sighting // of those asked for that are there
	paths  map[string][]uint64 // ids of those that have the paths asked for
	stack  []uint64            // lines
	locked bool
}

// sighting is somebody who is there, and what he waits for.
type sighting struct {
	there bool
	line  uint64
	kind  string
	name  string
}

func (a *again) want(w *waiter) {
	a.first[w.line] = w
	if w.makerID != 0 {
		a.ids[w.makerID] = sighting{}
	}
	for i, h := range w.holders {
		if i < len(w.ids) {
			a.ids[w.ids[i]] = sighting{}
		} else {
			a.paths[h] = nil
		}
	}
}

func (a *again) tour(try bool) tour {
	pop := func() { a.stack = a.stack[:len(a.stack)-1] }
	return tour{
		Try: try,
		Scope: func(s *scope.Snapshot, at *seam.Sight) bool {
			line := s.ID
			if n := len(a.stack); n > 0 {
				line = a.stack[n-1]
			}
			a.see(s.ID, line, at)
			a.stack = append(a.stack, line)
			return true
		},
		ScopeEnd: pop,
		Task: func(t *scope.TaskSnapshot, at *seam.Sight) bool {
			a.see(t.ID, t.ID, at)
			a.stack = append(a.stack, t.ID)
			return true
		},
		TaskEnd: pop,
		Locked:  func() { a.locked = true },
	}
}

func (a *again) see(id, line uint64, at *seam.Sight) {
	if w := a.first[line]; w != nil && at.Waits {
		now := waiterOf(line, at)
		if now != nil && now.since.Equal(w.since) && now.kind == w.kind && now.makerID == w.makerID && slices.Equal(now.holders, w.holders) {
			a.kept[line] = now
			a.order = append(a.order, now)
		}
	}
	if _, asked := a.ids[id]; asked {
		a.ids[id] = sighting{there: true, line: line, kind: at.Mark.Kind, name: at.Mark.Name}
	}
	if len(a.paths) > 0 {
		path := seam.PathOf(at.Owner)
		if ids, asked := a.paths[path]; asked {
			a.paths[path] = append(ids, id)
			a.ids[id] = sighting{there: true, line: line, kind: at.Mark.Kind, name: at.Mark.Name}
		}
	}
}

// holder returns holder number i of w, unless nobody, or more than one, is known
// by its path.
func (a *again) holder(w *waiter, i int) (id uint64, ok bool) {
	if i < len(w.ids) {
		return w.ids[i], true
	}
	if ids := a.paths[w.holders[i]]; len(ids) == 1 {
		return ids[0], true
	}
	return 0, false
}
