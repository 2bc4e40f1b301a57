package otelx

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// The critical path of a scope is what its end depended on, from its opening to
// its end, without a gap: walking back from what ended last, through the wait
// that it had been released from to who released it, and so on. It is recorded
// forwards, while it happens: every traced strand knows what led to the present
// moment (a chain), and hands that on
//
//   - to a task that it spawns,
//   - to whom it wakes: the waiter takes the releaser's chain over, because its
//     own past does not matter any more, and goes on from there,
//
// so that at the end of a scope the chain of its body is the answer. A wait of
// which nobody knows who ended it stands in the chain by its own name. A chain
// is never changed, so that any number of strands can go on from it.

// mover is who moves: a strand, or a wait that nobody is known to have ended.
type mover struct {
	name string
	wait bool
}

// chain is the last segment of what led to a moment, and what was before.
type chain struct {
	who      *mover
	from, to int64 // Unix nanoseconds
	before   *chain
	depth    int
	shares   []share // of a segment that stands for older ones
}

// share is how much of a segment that stands for many somebody has had.
type share struct {
	who  *mover
	took int64
}

// A chain is cut when it is maxDepth segments long: the newest keptDepth stay,
// and what was before is one segment that knows only who had which share of it.
const (
	maxDepth  = 256
	keptDepth = 128
	maxPath   = 10 // entries of a path that is reported
)

// elsewhere stands for what a chain does not know, and for small change.
var elsewhere = &mover{name: "…", wait: true}

// then returns the chain that goes on with a segment of who.
func (c *chain) then(who *mover, from, to int64) *chain {
	if c != nil && c.who == who && c.to == from { // it went on after it had let somebody else go on
		return &chain{who, c.from, to, c.before, c.depth, nil}
	}
	next := &chain{who, from, to, c, 1, nil}
	if c != nil {
		next.depth = c.depth + 1
	}
	if next.depth > maxDepth {
		return next.shortened()
	}
	return next
}

// shortened returns a copy of the newest part of the chain.
func (c *chain) shortened() *chain {
	kept := make([]*chain, 0, keptDepth)
	for x := c; len(kept) < keptDepth; x = x.before {
		kept = append(kept, x)
	}
	out := kept[len(kept)-1].before.folded()
	for _, x := range slices.Backward(kept) {
		out = &chain{x.who, x.from, x.to, out, out.depth + 1, nil}
	}
	return out
}

// folded returns one segment that stands for the whole chain.
func (c *chain) folded() *chain {
	sums := map[mover]*share{}
	add := func(who *mover, took int64) {
		if sums[*who] == nil {
			sums[*who] = &share{who: who}
		}
		sums[*who].took += took
	}
	out := &chain{who: elsewhere, to: c.to, depth: 1}
	for x := c; x != nil; x = x.before {
		if out.from = x.from; x.shares == nil {
			add(x.who, x.to-x.from)
		}
		if x.before != nil && x.before.to < x.from {
			add(elsewhere, x.from-x.before.to)
		}
		for _, s := range x.shares {
			add(s.who, s.took)
		}
	}
	rest := int64(0)
	for who, s := range sums {
		if who == *elsewhere {
			rest = s.took
		} else {
			out.shares = append(out.shares, *s)
		}
	}
	slices.SortFunc(out.shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.who.name, b.who.name))
	})
	for len(out.shares) > maxPath {
		last := len(out.shares) - 1
		rest += out.shares[last].took
		out.shares = out.shares[:last]
	}
	if rest > 0 {
		out.shares = append(out.shares, share{elsewhere, rest})
	}
	return out
}

// step is one entry of a path.
type step struct {
	name string
	took int64
	wait bool // nobody has moved
}

// appendPath appends what a scope's span tells of its critical path. The body's
// own time goes by the name of the scope.
func (t *Track) appendPath(attrs []attribute.KeyValue, scope string, opened, ended time.Time) []attribute.KeyValue {
	if t == nil {
		return attrs
	}
	began := opened.UnixNano()
	t.mu.Lock()
	since := t.since
	if since <= began { // the body has depended on nobody
		t.mu.Unlock()
		return appendAlone(attrs, scope, ended.Sub(opened))
	}
	past, who := t.pastLocked(), t.whoLocked()
	t.mu.Unlock()
	w := walk{body: who, scope: scope, opened: began, end: ended.UnixNano()}
	w.back(past, since)
	if len(w.steps) == 0 {
		return attrs
	}
	attrs = append(attrs, attrCriticalPath.StringSlice(textsOf(fewer(w.steps))))
	if name := longestOf(w.steps); name != "" {
		attrs = append(attrs, attrCriticalTask.String(clip(name)))
	}
	return attrs
}

// appendAlone is appendPath for a path of one entry.
func appendAlone(attrs []attribute.KeyValue, scope string, took time.Duration) []attribute.KeyValue {
	if took <= 0 {
		return attrs
	}
	only := step{name: scope, took: int64(took)}
	return append(attrs, attrCriticalPath.StringSlice(textsOf([]step{only})), attrCriticalTask.String(clip(scope)))
}

// textsOf returns the entries as they are reported, all parts of one string.
func textsOf(steps []step) []string {
	all := make([]byte, 0, 256)
	var ends [maxPath]int
	for i, s := range steps {
		all = s.append(all)
		ends[i] = len(all)
	}
	text, from := string(all), 0
	texts := make([]string, len(steps))
	for i := range steps {
		texts[i], from = text[from:ends[i]], ends[i]
	}
	return texts
}

// append appends the entry as it is reported: seconds, to the nanosecond.
func (s step) append(text []byte) []byte {
	text = append(append(text, clip(s.name)...), '=')
	text = strconv.AppendInt(text, s.took/1e9, 10)
	text = append(text, '.')
	frac := s.took % 1e9
	for digit := int64(1e8); digit > 0; digit /= 10 {
		text = append(text, byte('0'+frac/digit%10))
	}
	return text
}

// walk lists the steps from a scope's opening to its end. They are contiguous:
// what is not known is elsewhere.
type walk struct {
	body        *mover
	scope       string
	opened, end int64 // what is left to cover
	steps       []step
}

// back walks the chain back, and leaves the steps in order of time.
func (w *walk) back(c *chain, since int64) {
	w.steps = make([]step, 0, 4)
	w.add(w.body, since)
	for ; c != nil && w.end > w.opened; c = c.before {
		if c.to < w.end {
			w.add(elsewhere, c.to)
		}
		if c.from >= w.opened && c.to == w.end { // as a whole
			for _, s := range slices.Backward(c.shares) {
				w.add(s.who, w.end-s.took)
			}
		}
		w.add(c.who, c.from)
	}
	w.add(elsewhere, w.opened)
	slices.Reverse(w.steps)
}

// add covers what is left, back to from.
func (w *walk) add(who *mover, from int64) {
	from = max(from, w.opened)
	if from >= w.end {
		return
	}
	name := who.name
	if who == w.body {
		name = w.scope
	}
	if n := len(w.steps); n > 0 && w.steps[n-1].name == name && w.steps[n-1].wait == who.wait {
		w.steps[n-1].took += w.end - from
	} else {
		w.steps = append(w.steps, step{name, w.end - from, who.wait})
	}
	w.end = from
}

// fewer returns at most maxPath steps that take the same time: those of one
// name together, and if that is not enough, the shortest together.
func fewer(steps []step) []step {
	if len(steps) <= maxPath {
		return steps
	}
	sums := sumUp(steps)
	if len(sums) <= maxPath {
		return sums
	}
	order := slices.Clone(sums)
	slices.SortStableFunc(order, func(a, b step) int { return cmp.Compare(b.took, a.took) })
	rest := step{name: elsewhere.name, wait: true}
	var few []step
	for _, s := range sums {
		if !(s.wait && s.name == elsewhere.name) && slices.Index(order, s) < maxPath-1 {
			few = append(few, s)
		} else {
			rest.took += s.took
		}
	}
	return append(few, rest)
}

// sumUp returns a step for each name, in the order in which they come first.
func sumUp(steps []step) []step {
	var sums []step
	for _, s := range steps {
		if i := slices.IndexFunc(sums, func(t step) bool { return t.name == s.name && t.wait == s.wait }); i >= 0 {
			sums[i].took += s.took
		} else {
			sums = append(sums, s)
		}
	}
	return sums
}

// longestOf returns the name of who has the largest share.
func longestOf(steps []step) (name string) {
	var most int64
	for i, s := range steps {
		if s.wait {
			continue
		}
		var took int64
		for _, t := range steps[i:] {
			if t.name == s.name && !t.wait {
				took += t.took
			}
		}
		if took > most {
			name, most = s.name, took
		}
	}
	return name
}
