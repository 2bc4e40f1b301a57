package otelx

import (
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of spans. Names are API.
const (
	attrScopeName     = attribute.Key("corral.scope.name")
	attrScopePath     = attribute.Key("corral.scope.path")
	attrTaskName      = attribute.Key("corral.task.name")
	attrTaskID        = attribute.Key("corral.task.id")
	attrTaskResult    = attribute.Key("corral.task.result")
	attrBackground    = attribute.Key("corral.task.background")
	attrScheduleDelay = attribute.Key("corral.task.schedule_delay")
	attrQueueName     = attribute.Key("corral.queue.name")
	attrQueueSize     = attribute.Key("corral.queue.size")
	attrOpBlocked     = attribute.Key("corral.op.blocked")
	attrAwaited       = attribute.Key("corral.await.name")
	attrCancelKind    = attribute.Key("corral.cancel.kind")
	attrCancelScope   = attribute.Key("corral.cancel.scope")
	attrCancelTask    = attribute.Key("corral.cancel.task")
	attrCancelReason  = attribute.Key("corral.cancel.reason")
	attrErrorType     = attribute.Key("error.type")
)

// Cause says why something was cancelled. It is for Corral's own packages.
type Cause struct {
	Kind, Scope, Task, Reason string
	Origin                    trace.SpanContext // the span in which it began
	Deadline                  bool              // the kind is deadline
	Failure                   bool              // a sibling's or the body's failure began it
}

// Result is how something ended. It is for Corral's own packages.
type Result uint8

// The results.
const (
	Success Result = iota
	Failure
	Cancellation
	Timeout
	Panic
	Goexit
)

// String returns the value of corral.task.result. A Goexit is a failure.
func (r Result) String() string {
	names := [...]string{"success", "failure", "cancellation", "timeout", "panic", "failure"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// Outcome is how a scope, task or operation ended. It is for Corral's own
// packages.
type Outcome struct {
	Result Result
	Err    error
	Cause  *Cause    // nil unless it was cancelled
	At     time.Time // zero: now
}

// verdict is the one place that decides the status of a span:
//
//	success, and every cancellation but a deadline   Unset
//	deadline                                         Error, error.type=timeout
//	failure                                          Error, the error's text and type
//	panic, Goexit                                    Error, error.type=panic, goexit
//
// Never Ok: that is the application's word.
func (o Outcome) verdict() (code codes.Code, text, errorType string) {
	switch o.Result {
	case Timeout:
		return codes.Error, o.text(), "timeout"
	case Panic:
		return codes.Error, o.text(), "panic"
	case Goexit:
		return codes.Error, o.text(), "goexit"
	case Failure:
		return codes.Error, o.text(), semconv.ErrorType(o.Err).Value.AsString()
	}
	return codes.Unset, "", ""
}

func (o Outcome) text() string {
	if o.Err == nil {
		return ""
	}
	text := o.Err.Error()
	if o.Result == Panic { // its text goes on with the stack
		text, _, _ = strings.Cut(text, "\n")
	}
	return clip(text)
}

// describe puts the outcome on a span.
func describe(span trace.Span, o Outcome) {
	code, text, errorType := o.verdict()
	if code != codes.Unset {
		span.SetStatus(code, text)
		span.SetAttributes(attrErrorType.String(errorType))
	}
	if c := o.Cause; c != nil {
		span.SetAttributes(attrCancelKind.String(c.Kind), attrCancelScope.String(c.Scope),
			attrCancelTask.String(c.Task), attrCancelReason.String(clip(c.Reason)))
	}
}

// longest is how many bytes of user text go onto a span.
const longest = 512

// clip makes user text valid UTF-8 and cuts it.
func clip(s string) string {
	if len(s) > longest {
		s = s[:longest]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
