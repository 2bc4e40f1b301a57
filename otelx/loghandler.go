package otelx

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

type placeKey struct{}

// PlaceKey is the key under which a context of Corral's answers with where in
// the tree it stands. It is for Corral's own packages.
var PlaceKey any = placeKey{}

// place is what a context of Corral's answers with.
type place interface {
	// Where returns the path of the innermost scope, and the name of the task,
	// "" if there is none.
	Where() (scope, task string)
}

// LogHandler returns a handler that adds to every record where its ctx stands,
// and hands it to next: trace_id and span_id of the span in ctx, and the
// attributes corral.scope.path and corral.task.name. They are added at the top
// level, also below groups, and only where there is something to add: a record
// that was logged without a ctx of Corral's passes as it is. It panics if next
// is nil.
//
//	slog.SetDefault(slog.New(otelx.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//	slog.InfoContext(ctx, "fetched")
func LogHandler(next slog.Handler) slog.Handler {
	if next == nil {
		panic("otelx: LogHandler with a nil handler: pass the one that writes")
	}
	return &logHandler{base: next, next: next}
}

// logHandler keeps the handler as it was before the first group, with what has
// come since, so that its own attributes stay outside the groups.
type logHandler struct {
	base  slog.Handler // attributes so far, no group
	next  slog.Handler // everything so far
	since []func(slog.Handler) slog.Handler
}

// Enabled reports whether next is.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle adds the attributes and hands the record on.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := where(ctx)
	if len(attrs) == 0 {
		return h.next.Handle(ctx, r)
	}
	if len(h.since) == 0 {
		r = r.Clone()
		r.AddAttrs(attrs...)
		return h.next.Handle(ctx, r)
	}
	next := h.base.WithAttrs(attrs)
	for _, add := range h.since {
		next = add(next)
	}
	return next.Handle(ctx, r)
}

// WithAttrs returns a handler with further attributes.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	if len(h.since) == 0 {
		next := h.base.WithAttrs(attrs)
		return &logHandler{base: next, next: next}
	}
	return h.with(func(n slog.Handler) slog.Handler { return n.WithAttrs(attrs) })
}

// WithGroup returns a handler that puts what follows into a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(n slog.Handler) slog.Handler { return n.WithGroup(name) })
}

func (h *logHandler) with(add func(slog.Handler) slog.Handler) slog.Handler {
	since := slices.Clip(h.since) // two handlers may go on from here
	return &logHandler{base: h.base, next: add(h.next), since: append(since, add)}
}

func where(ctx context.Context) []slog.Attr {
	if ctx == nil {
		return nil
	}
	var attrs []slog.Attr
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		attrs = append(attrs, slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	if p, ok := ctx.Value(PlaceKey).(place); ok {
		scope, task := p.Where()
		attrs = append(attrs, slog.String(string(attrScopePath), scope))
		if task != "" {
			attrs = append(attrs, slog.String(string(attrTaskName), task))
		}
	}
	return attrs
}
