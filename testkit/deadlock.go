package testkit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/scope"
)

// waitsText says who waits for what inside a scope, one line each, and what is
// known of why that does not end: what monitor.Dump would show of it.
func waitsText(s *scope.Scope) string {
	w := waitsWriter{ids: map[uint64]bool{}}
	view := findings.Look(true)
	for _, root := range view.Roots {
		if root.ID == s.Snapshot().ID {
			w.scope(root)
		}
	}
	text := strings.Join(w.lines, "\n")
	for _, f := range view.Findings {
		if !f.Certain || !slices.ContainsFunc(f.IDs, func(id uint64) bool { return w.ids[id] }) {
			continue
		}
		if circle := circleText(f); circle != "" {
			text += "\n\nin a circle: " + circle
		} else {
			text += "\n\n" + f.Text
		}
	}
	return text
}

// circleText names who waits for whom, if the finding is a circle of them: from
// the first by name, so that the text is the same each time.
func circleText(f findings.Finding) string {
	if len(f.Steps) == 0 {
		return ""
	}
	var paths []string
	for _, s := range f.Steps {
		paths = append(paths, s.Who)
	}
	if f.More {
		return strings.Join(append(paths, "…", paths[0]), " → ")
	}
	first := slices.Index(paths, slices.Min(paths))
	paths = append(paths[first:], paths[:first]...)
	return strings.Join(append(paths, paths[0]), " → ")
}

type waitsWriter struct {
	lines []string
	ids   map[uint64]bool // of those seen
}

func (w *waitsWriter) scope(s *findings.Scope) {
	w.ids[s.ID] = true
	for _, n := range s.Scopes {
		w.scope(n)
	}
	for _, k := range s.Tasks {
		w.wait(k.ID, k.Path, k.Count, k.Wait)
		for _, n := range k.Scopes {
			w.scope(n)
		}
	}
	if s.Body != nil && s.Body.Kind != "scope.join" { // that it waits for its tasks goes without saying
		w.wait(s.ID, s.Path+" (its body)", s.Count, s.Body)
	}
}

func (w *waitsWriter) wait(id uint64, who string, count int, on *findings.Wait) {
	w.ids[id] = true
	if on == nil {
		return
	}
	waits := " waits for "
	if count > 1 {
		who = fmt.Sprintf("%s ×%d", who, count)
		waits = " wait for "
	}
	w.lines = append(w.lines, who+waits+waitText(&scope.Wait{Kind: on.Kind, Name: on.Name, Holders: on.Holders}))
}
