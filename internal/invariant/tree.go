package invariant

import (
	"fmt"
	"slices"
	"strings"
)

// A Trace is one that is broken.
type Trace struct {
	From  string   // the test that began it, if that is known
	Wrong []string // what is wrong with it
	Tree  string   // its spans, children below their parents
}

func (t Trace) String() string {
	text := strings.Join(t.Wrong, "\n")
	if t.From != "" {
		text = "in " + t.From + ":\n" + text
	}
	if t.Tree != "" {
		text += "\n\n    " + strings.ReplaceAll(t.Tree, "\n", "\n    ")
	}
	return text
}

// Text is what is wrong with all of them, without their trees; "" for none.
func Text(traces []Trace) string {
	var lines []string
	for _, t := range traces {
		lines = append(lines, t.Wrong...)
	}
	return strings.Join(lines, "\n")
}

const mostLines = 100 // of a tree, or of what is wrong with it

// treeLocked prints a trace: names, when they began and how long they took.
func (c *Checker) treeLocked(t *traceRecord) string {
	below := map[*record][]*record{}
	for _, r := range t.spans {
		below[r.parent] = append(below[r.parent], r)
	}
	var lines []string
	var walk func(parent *record, indent string)
	walk = func(parent *record, indent string) {
		list := below[parent]
		slices.SortStableFunc(list, func(a, b *record) int { return a.start.Compare(b.start) })
		for _, r := range list {
			lines = append(lines, indent+r.line(c, t))
			walk(r, indent+"  ")
		}
	}
	walk(nil, "")
	if more := len(lines) - mostLines; more > 0 {
		lines = append(lines[:mostLines], fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
}

func (r *record) line(c *Checker, t *traceRecord) string {
	took := "never ended"
	if r.ended {
		took = "+" + r.end.Sub(r.start).String()
	}
	line := fmt.Sprintf("%s (%v %s)", r.name, r.start.Sub(t.spans[0].start), took)
	for _, id := range r.links {
		name := "?"
		if to := c.spans[id]; to != nil {
			name = to.name
		}
		line += " → " + name
	}
	return line
}
