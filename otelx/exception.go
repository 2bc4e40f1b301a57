package otelx

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
)

// exceptionEvent is the name of the one event that tells of a failure or panic.
const exceptionEvent = "corral.task.exception"

// Exception is a failure or panic of a task or body, as it is told once, where
// it began. It is for Corral's own packages.
type Exception struct {
	Err     error
	Type    string // "": that of Err
	Message string // "": that of Err
	Stack   []byte // of a panic
	Handled bool   // somebody took care of it
	Panic   bool
	Task    string // name, "" for a body
	Path    string // of the scope
}

// openLog gets the logger.
func (m *Meter) openLog(lp log.LoggerProvider) {
	defer m.hush()
	m.logger = lp.Logger(ScopeName, log.WithInstrumentationVersion(version))
}

// Exception tells of e: as a log event in the context of the span in ctx, or,
// if no logger wants it, as an event of span. m and span may be nil.
func (m *Meter) Exception(ctx context.Context, span *Span, e Exception) {
	severity, text := log.SeverityError, "ERROR"
	if e.Handled && !e.Panic {
		severity, text = log.SeverityWarn, "WARN"
	}
	logs := m.wants(ctx, severity)
	if !logs && !span.Recording() {
		return
	}
	attrs := e.attributes()
	if logs {
		m.emit(ctx, severity, text, attrs)
		return
	}
	span.event(exceptionEvent, time.Now(), attrs)
}

func (e *Exception) attributes() []attribute.KeyValue {
	if e.Type == "" {
		e.Type = fmt.Sprintf("%T", e.Err)
	}
	if e.Message == "" {
		e.Message = Text(e.Err)
	}
	attrs := []attribute.KeyValue{attrExcType.String(e.Type), attrExcMessage.String(clipTo(e.Message, 8*longest))}
	if len(e.Stack) > 0 {
		attrs = append(attrs, attrExcStack.String(clipTo(string(e.Stack), 32<<10)))
	}
	if e.Task != "" {
		attrs = append(attrs, attrTaskName.String(e.Task))
	}
	return append(attrs, attrScopePath.String(e.Path))
}

// wants reports whether a log event would go anywhere.
func (m *Meter) wants(ctx context.Context, severity log.Severity) (wanted bool) {
	if m == nil || m.mute.Load() {
		return false
	}
	defer m.hush()
	return m.logger.Enabled(ctx, log.EnabledParameters{Severity: severity, EventName: exceptionEvent})
}

func (m *Meter) emit(ctx context.Context, severity log.Severity, text string, attrs []attribute.KeyValue) {
	defer m.hush()
	var r log.Record
	now := time.Now()
	r.SetTimestamp(now)
	r.SetObservedTimestamp(now)
	r.SetEventName(exceptionEvent)
	r.SetSeverity(severity)
	r.SetSeverityText(text)
	r.AddAttributes(attrs...)
	m.logger.Emit(ctx, r)
}

// hush is [Meter.rescue] for the logger.
func (m *Meter) hush() {
	if v := recover(); v != nil && m.mute.CompareAndSwap(false, true) {
		report(fmt.Errorf("otelx: the logger provider panicked and is not called any more: %v", v))
	}
}
