package testkit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tree returns the spans that have ended as text, one line each, children below
// their parents, the same for every run that did the same work: a golden file.
// It has no ids and no times.
//
//	scope checkout
//	  task cart {corral.task.result=failure, error.type=timeout} ! too late
//	  task user {corral.cancel.kind=task-failed, corral.task.result=cancellation} → task cart
//	  task worker ×2
//	    get jobs → task cart
//
// A line has the span's name, how many siblings are the same, the attributes
// that say how it ended, "!" and the text of an error status, and "→" and the
// names of the spans it links to. Events ("· name") and log events ("· name
// SEVERITY") stand below. Siblings are in order of their text; in a bubble,
// where times are exact, in order of their start, and a span that took time says
// how much.
func (r *Recorder) Tree() string {
	ended, names := r.spans.ended()
	t := &spanTree{r: r, names: names, below: map[trace.SpanID][]sdktrace.ReadOnlySpan{}}
	known := map[trace.SpanID]bool{}
	for _, s := range ended {
		known[s.SpanContext().SpanID()] = true
	}
	for _, s := range ended {
		parent := s.Parent().SpanID()
		if !known[parent] {
			parent = trace.SpanID{}
		}
		t.below[parent] = append(t.below[parent], s)
	}
	return strings.Join(t.children(trace.SpanID{}), "\n")
}

// ExpectTree fails the test if [Recorder.Tree] is not want. What all lines of
// want are indented by, and empty lines around it, do not count, so that it can
// be a raw string in the test.
func (r *Recorder) ExpectTree(want string) {
	r.t.Helper()
	if got, want := r.Tree(), dedent(want); got != want {
		r.t.Errorf("testkit: the tree of spans is not the one expected; got\n%s\nwant\n%s", indent(got), indent(want))
	}
}

func dedent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n\t "), "\n")
	margin := ""
	if first := strings.TrimLeft(text, "\n"); len(lines) > 0 {
		margin = first[:len(first)-len(strings.TrimLeft(first, "\t "))]
	}
	for i := range lines {
		lines[i] = strings.TrimRight(strings.TrimPrefix(lines[i], margin), "\t ")
	}
	return strings.Join(lines, "\n")
}

type spanTree struct {
	r     *Recorder
	names spanNames
	below map[trace.SpanID][]sdktrace.ReadOnlySpan
}

// children returns the lines below a span.
func (t *spanTree) children(id trace.SpanID) []string {
	type block struct {
		at    time.Time
		head  string
		below []string
		times int
	}
	var blocks []block
	for _, s := range t.below[id] {
		b := block{head: t.head(s), below: t.details(s), times: 1}
		if t.r.virtual {
			b.at = s.StartTime()
		}
		b.below = append(b.below, t.children(s.SpanContext().SpanID())...)
		blocks = append(blocks, b)
	}
	slices.SortStableFunc(blocks, func(a, b block) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.head, b.head), slices.Compare(a.below, b.below))
	})
	var merged []block
	for _, b := range blocks {
		if n := len(merged); n > 0 && merged[n-1].head == b.head && slices.Equal(merged[n-1].below, b.below) {
			merged[n-1].times++
			continue
		}
		merged = append(merged, b)
	}
	var lines []string
	for _, b := range merged {
		name, rest, _ := strings.Cut(b.head, "\x00")
		if b.times > 1 {
			name += fmt.Sprintf(" ×%d", b.times)
		}
		lines = append(lines, name+rest)
		for _, l := range b.below {
			lines = append(lines, "  "+l)
		}
	}
	return lines
}

// telling are the attributes that say how a span ended.
var telling = map[attribute.Key]bool{
	"corral.cancel.kind": true, "corral.op.count": true, "corral.task.background": true, "error.type": true,
}

// head is a span's own line, with a zero byte where a count goes.
func (t *spanTree) head(s sdktrace.ReadOnlySpan) string {
	line := s.Name() + "\x00"
	if d := s.EndTime().Sub(s.StartTime()); t.r.virtual && d > 0 {
		line += " " + d.String()
	}
	var attrs []string
	for _, kv := range s.Attributes() {
		if v := kv.Value.String(); telling[kv.Key] || kv.Key == "corral.task.result" && v != "success" {
			attrs = append(attrs, string(kv.Key)+"="+v)
		}
	}
	if len(attrs) > 0 {
		slices.Sort(attrs)
		line += " {" + strings.Join(attrs, ", ") + "}"
	}
	if st := s.Status(); st.Code == codes.Error {
		line += strings.TrimRight(" ! "+firstLine(st.Description), " ")
	}
	if links := t.names.links(s); len(links) > 0 {
		slices.Sort(links)
		line += " → " + strings.Join(links, ", ")
	}
	return line
}

// details are the events of a span and the log events emitted in it.
func (t *spanTree) details(s sdktrace.ReadOnlySpan) []string {
	var lines []string
	for _, e := range s.Events() {
		lines = append(lines, "· "+e.Name)
	}
	for _, rec := range t.r.logs.of(s.SpanContext().SpanID()) {
		lines = append(lines, "· "+rec.EventName()+" "+rec.Severity().String())
	}
	slices.Sort(lines)
	return lines
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
