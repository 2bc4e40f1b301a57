package testkit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

// spanLog is a span processor that keeps every span, in the order they began.
type spanLog struct {
	mu   sync.Mutex // guards the rest
	all  []*spanRecord
	byID map[trace.SpanID]*spanRecord
}

// A spanRecord is one span from its start on.
type spanRecord struct {
	began    sdktrace.ReadWriteSpan
	end      sdktrace.ReadOnlySpan // nil while it is open
	open     int                   // children that have not ended
	outlived []string              // children that were open when it ended
}

func newSpanLog() *spanLog { return &spanLog{byID: map[trace.SpanID]*spanRecord{}} }

// OnStart is part of [sdktrace.SpanProcessor].
func (l *spanLog) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &spanRecord{began: s}
	l.all = append(l.all, r)
	l.byID[s.SpanContext().SpanID()] = r
	if p := l.byID[s.Parent().SpanID()]; p != nil {
		p.open++
	}
}

// OnEnd is part of [sdktrace.SpanProcessor].
func (l *spanLog) OnEnd(s sdktrace.ReadOnlySpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.byID[s.SpanContext().SpanID()]
	r.end = s
	if p := l.byID[s.Parent().SpanID()]; p != nil {
		p.open--
	}
	if r.open == 0 {
		return
	}
	for _, c := range l.all {
		if c.end == nil && c.began.Parent().SpanID() == s.SpanContext().SpanID() {
			r.outlived = append(r.outlived, c.began.Name())
		}
	}
}

// Shutdown is part of [sdktrace.SpanProcessor].
func (l *spanLog) Shutdown(context.Context) error { return nil }

// ForceFlush is part of [sdktrace.SpanProcessor].
func (l *spanLog) ForceFlush(context.Context) error { return nil }

// spanNames finds names by id.
type spanNames map[trace.SpanID]string

func (n spanNames) of(c trace.SpanContext) string {
	if !c.IsValid() {
		return ""
	}
	if name, ok := n[c.SpanID()]; ok {
		return name
	}
	return "?"
}

func (n spanNames) links(s sdktrace.ReadOnlySpan) []string {
	var names []string
	for _, l := range s.Links() {
		names = append(names, n.of(l.SpanContext))
	}
	return names
}

// ended returns the spans that have ended, by start, and the names of all.
func (l *spanLog) ended() ([]sdktrace.ReadOnlySpan, spanNames) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make(spanNames, len(l.all))
	var ended []sdktrace.ReadOnlySpan
	for _, r := range l.all {
		if r.end == nil {
			names[r.began.SpanContext().SpanID()] = r.began.Name()
			continue
		}
		names[r.end.SpanContext().SpanID()] = r.end.Name()
		ended = append(ended, r.end)
	}
	slices.SortStableFunc(ended, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return ended, names
}

// broken says what is wrong with the trace; "" means nothing.
func (r *Recorder) broken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.spans
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, s := range l.all {
		name, parent := s.began.Name(), s.began.Parent()
		p := l.byID[parent.SpanID()]
		switch {
		case s.end == nil:
			say("span %q was never ended", name)
		case len(s.outlived) > 0:
			say("span %q has ended, and was outlived by its children: %s", name, quoted(s.outlived))
		}
		switch {
		case !parent.IsValid() || parent.IsRemote() || r.outside[parent.SpanID()]:
		case p == nil:
			say("span %q has a parent that was not recorded", name)
		case p.began.InstrumentationScope().Name == otelx.OpsScopeName:
			say("span %q is a child of the single operation %q", name, p.began.Name())
		case s.end != nil && p.end != nil:
			if d := s.end.EndTime().Sub(p.end.EndTime()); d > 0 {
				say("span %q outlives its parent %q by %v", name, p.end.Name(), d)
			}
			if d := p.end.StartTime().Sub(s.end.StartTime()); d > 0 {
				say("span %q began %v before its parent %q", name, d, p.end.Name())
			}
		}
	}
	return strings.Join(found, "\n")
}

func quoted(names []string) string {
	var q []string
	for _, n := range names {
		q = append(q, fmt.Sprintf("%q", n))
	}
	return strings.Join(q, ", ")
}
