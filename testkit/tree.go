package testkit

import (
	"fmt"
	"strings"

	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// treeText is the live tree of some scopes: who is in it, what they wait for
// and who could end that, and where each comes from, as far as that is known.
func treeText(roots []*scope.Scope) string {
	t := &treeWriter{sites: seam.Sites()}
	for _, s := range roots {
		t.scope(s.Snapshot(), 0)
	}
	return strings.TrimRight(t.b.String(), "\n")
}

type treeWriter struct {
	b     strings.Builder
	sites map[uint64][]uintptr
}

func (t *treeWriter) line(depth int, id uint64, from, text string) {
	indent := strings.Repeat("  ", depth)
	fmt.Fprintf(&t.b, "%s%s\n", indent, text)
	if at := site(t.sites[id]); at != "" {
		fmt.Fprintf(&t.b, "%s    %s at %s\n", indent, from, at)
	}
}

func (t *treeWriter) scope(s scope.Snapshot, depth int) {
	text := fmt.Sprintf("scope %s (%s)", orUnnamed(s.Name), s.State)
	if s.Shielded {
		text += " shielded"
	}
	if s.Cause != nil {
		text += fmt.Sprintf(" cancelled: %v", s.Cause)
	}
	t.line(depth, s.ID, "run", text)
	for _, n := range s.Scopes {
		t.scope(n, depth+1)
	}
	for _, c := range s.Tasks {
		t.task(c, depth+1)
	}
}

func (t *treeWriter) task(c scope.TaskSnapshot, depth int) {
	text := fmt.Sprintf("task %s (%s)", orUnnamed(c.Name), c.State)
	if c.WaitingOn != nil {
		text += " waits for " + waitText(c.WaitingOn)
	}
	t.line(depth, c.ID, "spawned", text)
	for _, n := range c.Scopes {
		t.scope(n, depth+1)
	}
}

func waitText(w *scope.Wait) string {
	text := w.Kind
	if w.Name != "" {
		text += fmt.Sprintf(" %q", w.Name)
	}
	if len(w.Holders) > 0 {
		text += ", held by " + strings.Join(w.Holders, ", ")
	}
	return text
}

func orUnnamed(name string) string {
	if name == "" {
		return "(no name)"
	}
	return name
}

// waiting is one line of execution that waits.
type waiting struct {
	path string // of its task or scope
	body bool   // of a root scope, or of one opened there
	scope.Wait
}

func (w waiting) String() string {
	who := w.path
	if w.body {
		who += " (its body)"
	}
	return who + " waits for " + waitText(&w.Wait)
}

// waitsIn lists who waits in some trees, but for scopes that wait for their own
// tasks.
func waitsIn(roots []*scope.Scope) []waiting {
	var all []waiting
	var in func(s scope.Snapshot)
	in = func(s scope.Snapshot) {
		for _, n := range s.Scopes {
			in(n)
		}
		for _, c := range s.Tasks {
			if c.WaitingOn != nil {
				all = append(all, waiting{c.Path, false, *c.WaitingOn})
			}
			for _, n := range c.Scopes {
				in(n)
			}
		}
	}
	for _, s := range roots {
		if m, waits := seam.BodyWait(s); waits && m.Kind != "scope.join" {
			all = append(all, waiting{s.Path(), true, scope.Wait{Kind: m.Kind, Name: m.Name, Holders: m.Holders}})
		}
		in(s.Snapshot())
	}
	return all
}

// waitsText says, one line each, who waits for what, and who holds it.
func waitsText(waits []waiting) string {
	var lines []string
	for _, w := range waits {
		lines = append(lines, w.String())
	}
	return strings.Join(lines, "\n")
}

// cycleText names a circle of tasks in which each waits for what the next one
// holds, or returns "".
func cycleText(waits []waiting) string {
	holders := map[string][]string{}
	for _, w := range waits {
		if len(w.Holders) > 0 {
			holders[w.path] = w.Holders
		}
	}
	for _, start := range sortedKeys(holders) {
		if path := circle(holders, start, []string{start}); path != nil {
			return strings.Join(path, " → ")
		}
	}
	return ""
}

// circle follows who waits for whom from the last of path back to start.
func circle(holders map[string][]string, start string, path []string) []string {
	if len(path) > len(holders) {
		return nil
	}
	for _, h := range holders[path[len(path)-1]] {
		if h == start {
			return append(path, start)
		}
		if holders[h] == nil {
			continue
		}
		if full := circle(holders, start, append(path[:len(path):len(path)], h)); full != nil {
			return full
		}
	}
	return nil
}
