package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

// A spanTree is an OpenTelemetry span processor that keeps no spans: it adds
// each to the line that it will be printed on. Siblings of one name share a
// line, and their children do too, so the tree stays small whatever the run.
type spanTree struct {
	mu   sync.Mutex // guards the rest
	top  node
	open map[spanKey]*node // the lines of spans that have not ended
}

type spanKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

func keyOf(c trace.SpanContext) spanKey { return spanKey{c.TraceID(), c.SpanID()} }

// A node is a line: all spans of one name below one other line.
type node struct {
	name     string
	leaf     bool      // operations, not scopes and tasks
	first    time.Time // a span was spawned or begun
	all      amount
	blocked  amount // operations that had to wait
	delayed  amount // tasks that did not begin when they were spawned
	failed   int
	timedOut int
	canceled int
	children []*node
}

// An amount is a number of things that take time.
type amount struct {
	count      int
	total, max time.Duration
}

func (a *amount) add(n int, total, longest time.Duration) {
	a.count += n
	a.total += total
	a.max = max(a.max, longest)
}

func newSpanTree() *spanTree { return &spanTree{open: map[spanKey]*node{}} }

// OnStart finds the line of a span, while its parent is known.
func (t *spanTree) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	parent := t.open[keyOf(s.Parent())]
	if parent == nil {
		parent = &t.top
	}
	n := parent.child(s.Name())
	if at := s.StartTime().Add(-delayOf(s)); n.first.IsZero() || at.Before(n.first) {
		n.first = at
	}
	n.leaf = s.InstrumentationScope().Name == otelx.OpsScopeName
	t.open[keyOf(s.SpanContext())] = n
}

// OnEnd adds the span to its line.
func (t *spanTree) OnEnd(s sdktrace.ReadOnlySpan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := keyOf(s.SpanContext())
	n := t.open[key]
	if n == nil {
		return // it began before the tree did
	}
	delete(t.open, key)
	n.add(s)
}

// Shutdown is part of [sdktrace.SpanProcessor].
func (t *spanTree) Shutdown(context.Context) error { return nil }

// ForceFlush is part of [sdktrace.SpanProcessor].
func (t *spanTree) ForceFlush(context.Context) error { return nil }

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	c := &node{name: name}
	n.children = append(n.children, c)
	return c
}

// add reads what Corral writes: a span may stand for several operations, and
// says which of them had to wait.
func (n *node) add(s sdktrace.ReadOnlySpan) {
	count := 1
	total := s.EndTime().Sub(s.StartTime())
	longest := total
	blocked, canceled, errorType := false, false, ""
	for _, a := range s.Attributes() {
		switch a.Key {
		case "corral.op.count":
			count = int(a.Value.AsInt64())
		case "corral.op.time":
			total = seconds(a.Value)
		case "corral.op.max":
			longest = seconds(a.Value)
		case "corral.op.blocked":
			blocked = a.Value.AsBool()
		case "corral.cancel.kind":
			canceled = true
		case "error.type":
			errorType = a.Value.AsString()
		}
	}
	if d := delayOf(s); d >= startTime {
		n.delayed.add(1, d, d)
	}
	n.all.add(count, total, longest)
	if blocked {
		n.blocked.add(count, total, longest)
	}
	switch {
	case errorType == "queue_closed": // is how a consumer learns of the end
	case errorType == "timeout":
		n.timedOut += count
	case s.Status().Code == codes.Error:
		n.failed += count
	case canceled:
		n.canceled += count
	}
}

// startTime is what it takes to start a goroutine, and not worth a mention.
const startTime = 10 * time.Microsecond

// delayOf is how long after its spawn a task began; 0 for other spans.
func delayOf(s sdktrace.ReadOnlySpan) time.Duration {
	for _, a := range s.Attributes() {
		if a.Key == "corral.task.schedule_delay" {
			return seconds(a.Value)
		}
	}
	return 0
}

func seconds(v attribute.Value) time.Duration {
	return time.Duration(v.AsFloat64() * float64(time.Second))
}

// write prints the tree, in at most so many lines.
func (t *spanTree) write(w io.Writer, most int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []treeLine
	for i, root := range t.top.sorted() {
		at := len(lines)
		lines = root.lines(lines, "", "")
		if i > 0 {
			lines[at].note = "a trace of its own"
		}
	}
	cut := 0
	if len(lines) > most {
		cut = len(lines) - most + 1
		lines = lines[:most-1]
	}
	width := 0
	for _, l := range lines {
		width = max(width, textWidth(l.label))
	}
	fmt.Fprintf(w, "\nWHAT IT DID: the spans; siblings of one name share a line, and their times add up\n")
	lines = slices.Insert(lines, 0, treeLine{count: "spans", total: "total", max: "longest"})
	for _, l := range lines {
		text := fmt.Sprintf("  %-*s %9s %9s %9s   %s", width, l.label, l.count, l.total, l.max, l.note)
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
	if cut > 0 {
		fmt.Fprintf(w, "  … and %d lines more\n", cut)
	}
}

// A treeLine is a node in columns.
type treeLine struct{ label, count, total, max, note string }

// lines appends the line of n, whose label begins with here, and those below,
// which begin with below.
func (n *node) lines(to []treeLine, here, below string) []treeLine {
	l := treeLine{label: here + printable(n.name), total: durationText(n.all.total)}
	if n.all.count != 1 {
		l.count, l.max = "×"+thousands(int64(n.all.count)), durationText(n.all.max)
	}
	var notes []string
	note := func(n int, what string) {
		if n > 0 {
			notes = append(notes, thousands(int64(n))+" "+what)
		}
	}
	note(n.failed, "failed")
	note(n.timedOut, "out of time")
	note(n.canceled, "cancelled")
	l.note = strings.Join(notes, ", ")
	to = append(to, l)
	children := n.sorted()
	for i, c := range children {
		if i < len(children)-1 {
			to = c.lines(to, below+"├─ ", below+"│  ")
		} else {
			to = c.lines(to, below+"└─ ", below+"   ")
		}
	}
	return to
}

// sorted returns the children in the order they began in, operations last.
func (n *node) sorted() []*node {
	return slices.SortedStableFunc(slices.Values(n.children), func(a, b *node) int {
		switch {
		case a.leaf != b.leaf:
			if b.leaf {
				return -1
			}
			return 1
		case a.leaf:
			return cmp.Compare(a.name, b.name)
		}
		return a.first.Compare(b.first)
	})
}

// A wait is how long tasks of one kind were blocked on one object.
type wait struct {
	amount
	who, what string
}

// waits returns the longest waits of the first tree, longest first. Tasks that
// were not started at once count as a wait of who started them.
func (t *spanTree) waits(most int) []wait {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []wait
	var visit func(n *node)
	visit = func(n *node) {
		for _, c := range n.children {
			if c.blocked.count > 0 {
				all = append(all, wait{c.blocked, n.name, c.name})
			}
			if c.delayed.total >= time.Millisecond {
				all = append(all, wait{c.delayed, n.name, "start " + strings.TrimPrefix(c.name, "task ")})
			}
			visit(c)
		}
	}
	if roots := t.top.sorted(); len(roots) > 0 {
		visit(roots[0])
	}
	slices.SortStableFunc(all, func(a, b wait) int { return cmp.Compare(b.total, a.total) })
	return all[:min(len(all), most)]
}
