package testkit

import (
	"context"
	"slices"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// spanLog is a span processor that keeps every span, in the order they began.
type spanLog struct {
	mu   sync.Mutex // guards the rest
	all  []*spanRecord
	byID map[trace.SpanID]*spanRecord
}

// A spanRecord is one span from its start on.
type spanRecord struct {
	began sdktrace.ReadWriteSpan
	end   sdktrace.ReadOnlySpan // nil while it is open
}

func newSpanLog() *spanLog { return &spanLog{byID: map[trace.SpanID]*spanRecord{}} }

// OnStart is part of [sdktrace.SpanProcessor].
func (l *spanLog) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &spanRecord{began: s}
	l.all = append(l.all, r)
	l.byID[s.SpanContext().SpanID()] = r
}

// OnEnd is part of [sdktrace.SpanProcessor].
func (l *spanLog) OnEnd(s sdktrace.ReadOnlySpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[s.SpanContext().SpanID()].end = s
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
