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
