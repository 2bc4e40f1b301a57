package testkit

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"
)

// Log is a log event.
type Log struct {
	Name       string // of the event, like corral.task.exception
	Severity   string // as in OpenTelemetry: WARN, ERROR
	Body       string
	Attributes []attribute.KeyValue
	Span       string // name of the span it was emitted in; "" for none
}

// Attr returns the text of an attribute, or "" if there is none of that key.
func (l Log) Attr(key string) string { return Span{Attributes: l.Attributes}.Attr(key) }

// Logs returns the log events so far, in the order they were emitted.
func (r *Recorder) Logs() []Log {
	_, names := r.spans.ended()
	var logs []Log
	for _, rec := range r.logs.records() {
		logs = append(logs, Log{
			Name: rec.EventName(), Severity: rec.Severity().String(), Body: rec.Body().String(),
			Attributes: attributesOf(&rec), Span: names[rec.SpanID()],
		})
	}
	return logs
}

func attributesOf(rec *sdklog.Record) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	rec.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs = append(attrs, kv)
		return true
	})
	return attrs
}

// logLog is a log processor that keeps every record.
type logLog struct {
	mu  sync.Mutex // guards all
	all []sdklog.Record
}

// OnEmit is part of [sdklog.Processor].
func (l *logLog) OnEmit(_ context.Context, rec *sdklog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, rec.Clone())
	return nil
}

// Enabled is part of [sdklog.Processor].
func (l *logLog) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// Shutdown is part of [sdklog.Processor].
func (l *logLog) Shutdown(context.Context) error { return nil }

// ForceFlush is part of [sdklog.Processor].
func (l *logLog) ForceFlush(context.Context) error { return nil }

func (l *logLog) records() []sdklog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// of returns the records emitted in a span.
func (l *logLog) of(id trace.SpanID) []sdklog.Record {
	return slices.DeleteFunc(l.records(), func(rec sdklog.Record) bool { return rec.SpanID() != id })
}
