package invariant

import (
	"slices"
	"strings"
	"time"
)

// overLocked puts a trace in which nothing is open aside, and lets go of those
// that were over long ago and are sound.
func (c *Checker) overLocked(t *traceRecord) {
	if t.over || c.keep < 0 {
		return
	}
	t.over, t.kept = true, len(t.spans)
	c.over = append(c.over, t)
	c.kept += t.kept
	for n := len(c.over); c.kept > c.keep && n > 0; n-- {
		old := c.over[0]
		c.over = c.over[1:]
		c.kept -= old.kept
		if old.open > 0 || len(old.wrong) > 0 || old.began != old.told {
			old.over = false // it comes back when it is over again; at the end it is looked at
			continue
		}
		c.dropLocked(old)
	}
}

func (c *Checker) dropLocked(t *traceRecord) {
	for _, r := range t.spans {
		delete(c.spans, r.id)
	}
	delete(c.traces, t.id)
}

// Broken says what is wrong with the traces, now that all should be over: a
// paragraph for each that is broken. Nil means that all are sound.
func (c *Checker) Broken() []Trace {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finishLocked()
	var list []Trace
	for _, t := range c.broken {
		if c.exempt == nil || !c.exempt(t.from) {
			list = append(list, Trace{From: t.from, Wrong: slices.Clone(t.wrong), Tree: c.treeLocked(t)})
		}
	}
	return list
}

// finishLocked looks for what only the end shows. It says each thing once.
func (c *Checker) finishLocked() {
	var all []*traceRecord
	for _, t := range c.traces {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *traceRecord) int { return strings.Compare(a.key(), b.key()) })
	for _, t := range all {
		for _, r := range t.spans {
			if !r.ended && r.ends >= 0 {
				r.ends = -1 // said
				c.sayLocked(t, "span %q was never ended", r.name)
			}
		}
		if t.began != t.told && !c.uncounted {
			c.sayLocked(t, "%d operations have begun, and the leaf spans stand for %d", t.began, t.told)
			t.began = t.told
		}
	}
}

func (t *traceRecord) key() string {
	if len(t.spans) == 0 {
		return ""
	}
	return t.spans[0].start.Format(time.RFC3339Nano) + t.spans[0].name
}
