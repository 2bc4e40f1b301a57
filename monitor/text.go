package monitor

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

const (
	deepest  = 64  // levels that are shown
	broadest = 500 // lines below one scope, on one level
)

// text writes a view. Errors of out are kept by it.
type text struct {
	out *bufio.Writer
	now time.Time
}

func (t *text) view(v *findings.View) {
	t.now = v.At
	fmt.Fprintf(t.out, "corral: %s, %s\n", number(v.Scopes, "scope"), number(v.Tasks, "task"))
	if v.Locked {
		t.line(0, "<locked>: somebody holds a lock of the tree; what is behind it is missing here")
	}
	for _, s := range v.Roots {
		t.line(0, "")
		t.scope(0, s)
	}
	if len(v.Objects) > 0 {
		t.line(0, "\nwaited for")
		for i, o := range v.Objects {
			if t.cut(1, i, len(v.Objects)) {
				break
			}
			t.line(1, fmt.Sprintf("%s: %d waiting, oldest %s%s", named(o.Kind, o.Name), o.Waiting, t.age(o.Oldest), held(o.Holders)))
		}
	}
	t.levels(v)
	t.findings("deadlocks", v.Findings, true)
	t.findings("suspicions", v.Findings, false)
}

// levels writes the queues and limiters.
func (t *text) levels(v *findings.View) {
	if len(v.Levels) > 0 {
		t.line(0, "\nqueues and limiters")
	}
	for i := range v.Levels {
		if t.cut(1, i, len(v.Levels)+v.Unseen) {
			return
		}
		t.line(1, level(&v.Levels[i]))
	}
}

func level(l *park.Level) string {
	s := named(l.Kind, l.Name) + ": "
	if l.Locked {
		return s + "<locked>"
	}
	if l.Capacity > 0 || l.Kind == "limiter" {
		s += fmt.Sprintf("%d of %d", l.Size, l.Capacity)
	} else {
		s += number(l.Size, "item")
	}
	if l.Peak > 0 {
		s += ", peak " + strconv.Itoa(l.Peak)
	}
	if l.Oldest > 0 {
		s += ", oldest " + length(l.Oldest)
	}
	return s + ", " + strconv.Itoa(l.Waiting) + " waiting"
}

func (t *text) findings(title string, list []findings.Finding, certain bool) {
	first := true
	for _, f := range list {
		if f.Certain != certain {
			continue
		}
		if first {
			t.line(0, "\n"+title)
			first = false
		}
		s := f.Text
		if f.Count > 1 {
			s += fmt.Sprintf(" (and %d more like it)", f.Count-1)
		}
		t.line(1, fmt.Sprintf("%s (%s): %s", f.Kind, t.age(f.Since), s))
	}
}

func (t *text) scope(level int, s *findings.Scope) {
	head := "scope " + times(findings.Quote(s.Name), s.Count) + " "
	if s.State == "locked" {
		t.line(level, head+"<locked>")
		return
	}
	var b strings.Builder
	b.WriteString(head + s.State)
	switch {
	case s.State == "open":
		b.WriteString(" " + oldest(s.Count) + t.age(s.Opened))
	case !s.Opened.IsZero():
		b.WriteString(", opened " + t.age(s.Opened) + " ago")
	}
	if s.Shielded {
		b.WriteString(", shielded")
	}
	if !s.Deadline.IsZero() {
		b.WriteString(", deadline " + t.until(s.Deadline))
	}
	if s.Body != nil {
		b.WriteString(", body " + t.waiting(s.Body, s.Count))
	}
	t.line(level, b.String()+span(s.Span, s.Count))
	if s.Cause != nil {
		t.line(level+1, t.cause(s.Cause))
	}
	t.inside(level+1, s)
}

// inside writes what is in a scope.
func (t *text) inside(level int, s *findings.Scope) {
	if level > deepest && len(s.Tasks)+len(s.Scopes) > 0 {
		t.line(level, "… more is further in")
		return
	}
	for i, task := range s.Tasks {
		if t.cut(level, i, len(s.Tasks)) {
			break
		}
		t.task(level, task)
	}
	if s.Locked {
		t.line(level, "<locked>")
	}
	t.scopes(level, s.Scopes)
}

func (t *text) scopes(level int, list []*findings.Scope) {
	for i, s := range list {
		if t.cut(level, i, len(list)) {
			break
		}
		t.scope(level, s)
	}
}

func (t *text) task(level int, k *findings.Task) {
	var b strings.Builder
	b.WriteString(times(findings.Quote(k.Name), k.Count) + " ")
	switch {
	case k.Wait != nil && k.State == scope.Running:
		b.WriteString(t.waiting(k.Wait, k.Count))
	case k.Wait != nil:
		b.WriteString(k.State.String() + ", " + t.waiting(k.Wait, k.Count))
	case k.Began.IsZero():
		b.WriteString(k.State.String())
	default:
		b.WriteString(k.State.String() + " " + oldest(k.Count) + t.age(k.Began))
	}
	t.line(level, b.String()+span(k.Span, k.Count))
	if k.Locked {
		t.line(level+1, "<locked>")
	}
	t.scopes(level+1, k.Scopes)
}

func (t *text) waiting(w *findings.Wait, count int) string {
	name := w.Name
	switch w.Kind {
	case "scope.join": // its name is the path of the scope below
		return "waiting " + w.Kind + sep(count) + t.age(w.Since)
	case "task.wait": // its holder says more
		name = ""
	}
	s := "waiting " + named(w.Kind, name)
	if w.Locked {
		s += " <locked>"
	}
	return s + held(w.Holders) + sep(count) + t.age(w.Since)
}

// cause writes why something was cancelled.
func (t *text) cause(e *scope.CanceledError) string {
	s := "cancelled " + t.age(e.At) + " ago (" + e.Kind.String() + ")"
	if e.Task != "" {
		s += " by " + findings.Quote(e.Task)
	}
	if e.Reason != nil {
		s += ": " + findings.Quote(findings.ErrorText(e.Reason))
	}
	return s
}

func (t *text) line(level int, s string) {
	fmt.Fprintf(t.out, "%*s%s\n", 2*level, "", s)
}

// cut reports whether line i of n is one too many, and says so.
func (t *text) cut(level, i, n int) bool {
	if i < broadest {
		return false
	}
	t.line(level, fmt.Sprintf("… and %d more", n-i))
	return true
}

func (t *text) age(since time.Time) string { return length(t.now.Sub(since)) }

func (t *text) until(at time.Time) string {
	if d := at.Sub(t.now); d > 0 {
		return "in " + length(d)
	}
	return length(t.now.Sub(at)) + " ago"
}

// length writes a duration as people read it.
func length(d time.Duration) string {
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		d = d.Round(time.Millisecond)
	default:
		d = d.Round(time.Microsecond)
	}
	return d.String()
}

func span(sc trace.SpanContext, count int) string {
	if !sc.IsValid() || count > 1 {
		return ""
	}
	return " trace " + sc.TraceID().String() + " span " + sc.SpanID().String()
}

func times(name string, count int) string {
	if count == 1 {
		return name
	}
	return fmt.Sprintf("%s ×%d", name, count)
}

func sep(count int) string { return ", " + oldest(count) }

func oldest(count int) string {
	if count == 1 {
		return ""
	}
	return "oldest "
}

func named(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + findings.String(name)
}

func held(holders []string) string {
	switch len(holders) {
	case 0:
		return ""
	case 1:
		return " held by " + findings.Quote(holders[0])
	}
	return fmt.Sprintf(" held by %s and %s", findings.Quote(holders[0]), number(len(holders)-1, "other"))
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
