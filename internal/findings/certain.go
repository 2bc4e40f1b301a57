package findings

import (
	"fmt"
	"strings"

	"github.com/corral-go/corral/internal/seam"
)

// lost returns the waits for a future whose maker has ended.
func (a *again) lost() (found []Finding) {
	for _, w := range a.order {
		if w.makerID == 0 || a.ids[w.makerID].there {
			continue
		}
		if len(found) == maxFindings {
			break
		}
		text := fmt.Sprintf("%s waits for %s, and %s, in which it was made, has ended", Quote(seam.PathOf(w.owner)), object("future", w.name), Quote(w.maker))
		found = append(found, Finding{Certain: !a.locked, Kind: LostWake, Text: text, Since: w.since, Count: 1, IDs: []uint64{w.line}})
	}
	return found
}

// cycles returns the deadlocks.
func (a *again) cycles() (found []Finding) {
	for _, w := range a.order {
		if w.makerID != 0 {
			continue
		}
		for i := range w.holders {
			if id, ok := a.holder(w, i); ok && a.ids[id].there {
				if h := a.kept[a.ids[id].line]; h != nil {
					w.on = append(w.on, h)
				}
			}
		}
	}
	rest := stuck(a.order)
	been := map[*waiter]int{} // who set out to come there first
	for n, w := range rest {
		for been[w] == 0 {
			been[w] = n + 1
			w = w.next()
		}
		if been[w] == n+1 && len(found) < maxFindings { // else it leads to what is told already
			found = append(found, deadlock(w))
		}
	}
	return found
}

// next is the first of w's holders that is stuck, too.
func (w *waiter) next() *waiter {
	for _, h := range w.on {
		if h.stuck {
			return h
		}
	}
	panic("findings: internal error: who is stuck waits for nobody")
}

// deadlock tells the cycle that w is in.
func deadlock(w *waiter) Finding {
	const enough = 8
	f := Finding{Certain: true, Kind: Deadlock, Since: w.since, Count: 1}
	var parts []string
	for at := w; ; {
		to := at.next()
		if len(parts) < enough {
			f.Steps = append(f.Steps, Step{ID: at.line, Who: seam.PathOf(at.owner), Kind: at.kind, Name: shown(at)})
			parts = append(parts, fmt.Sprintf("%s waits in %s for %s", Quote(seam.PathOf(at.owner)), object(at.kind, shown(at)), Quote(seam.PathOf(to.owner))))
		}
		if len(f.IDs) < maxIDs {
			f.IDs = append(f.IDs, at.line)
		}
		if at.since.After(f.Since) {
			f.Since = at.since
		}
		f.size++
		if at = to; at == w {
			break
		}
	}
	f.Text = strings.Join(parts, "; ")
	if f.size > enough {
		f.More = true
		f.Text += fmt.Sprintf("; and so on, %d tasks in all", f.size)
	}
	return f
}

// shown is the name of what w waits for, if it says more than who holds it.
func shown(w *waiter) string {
	if w.kind == "task.wait" || w.kind == "scope.join" {
		return ""
	}
	return w.name
}

// overQueue suspects who holds a lock that others wait for, and waits for a
// queue himself.
func (e *eye) overQueue(a *again) {
	for _, w := range a.order {
		if w.kind != "lock.acquire" && w.kind != "resource.acquire" {
			continue
		}
		id, ok := a.holder(w, 0)
		if !ok {
			continue
		}
		if h := a.ids[id]; h.kind == "queue.get" || h.kind == "queue.put" {
			e.suspect(LockOverQueue, w.name+"/"+w.holders[0], w.since, w.line, func() string {
				return fmt.Sprintf("%s holds %s and waits in %s", Quote(w.holders[0]), object("lock", w.name), object(h.kind, h.name))
			})
		}
	}
}
