package otelx

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Cause says why something was cancelled. It is for Corral's own packages.
type Cause struct {
	Kind, Scope, Task, Reason string
	Origin                    trace.SpanContext // the span in which it began
	Deadline                  bool              // the kind is deadline
	At                        time.Time         // when it began
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

	Track  *Track    // of a task: its waits; of a scope: the critical path
	Scope  string    // name of the scope
	Opened time.Time // when it was
}

// verdict is the one place that decides the status of a span:
//
//	success, and every cancellation but a deadline   Unset
//	deadline                                         Error, error.type=timeout
//	failure                                          Error, the error's text and type
//	panic, Goexit                                    Error, error.type=panic, goexit
//
// A cancellation for a sibling's or the body's failure is one, too: Unset, with
// a link to what failed. Never Ok: that is the application's word.
func (o Outcome) verdict() (code codes.Code, text string) {
	switch o.Result {
	case Timeout:
		if o.Err == nil && o.Cause != nil { // caught, and moved on from
			return codes.Error, clip(o.Cause.Reason)
		}
		return codes.Error, o.text()
	case Panic, Goexit, Failure:
		return codes.Error, o.text()
	}
	return codes.Unset, ""
}

// errorType is the value of error.type, "" if there is none.
func (o Outcome) errorType() string {
	switch o.Result {
	case Timeout:
		return "timeout"
	case Panic:
		return "panic"
	case Goexit:
		return "goexit"
	case Failure:
		return typeOf(o.Err)
	}
	return ""
}

func (o Outcome) text() string {
	if o.Err == nil {
		return ""
	}
	text := Text(o.Err)
	if o.Result == Panic { // its text goes on with the stack
		text, _, _ = strings.Cut(text, "\n")
	}
	return clip(text)
}

// append appends what a span says of its outcome.
func (o Outcome) append(attrs []attribute.KeyValue) []attribute.KeyValue {
	if word := o.errorType(); word != "" {
		attrs = append(attrs, attrErrorType.String(word))
	}
	return o.Cause.append(attrs)
}

func (c *Cause) append(attrs []attribute.KeyValue) []attribute.KeyValue {
	if c == nil {
		return attrs
	}
	attrs = append(attrs, attrCancelKind.String(c.Kind))
	for _, a := range [...]attribute.KeyValue{
		attrCancelScope.String(c.Scope), attrCancelTask.String(c.Task), attrCancelReason.String(clip(c.Reason)),
	} {
		if a.Value.AsString() != "" {
			attrs = append(attrs, a)
		}
	}
	return attrs
}

// longest is how many bytes of user text go onto a span.
const longest = 512

// clip makes user text valid UTF-8 and cuts it.
func clip(s string) string { return clipTo(s, longest) }

func clipTo(s string, n int) string {
	if len(s) > n {
		s = s[:n]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Text returns the text of an error of the user's, whose methods may panic. It is
// for Corral's own packages.
func Text(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("%T (its Error method panics)", err)
		}
	}()
	return err.Error()
}

func typeOf(err error) (word string) {
	defer func() {
		if v := recover(); v != nil {
			word = fmt.Sprintf("%T", err)
		}
	}()
	return clip(semconv.ErrorType(err).Value.AsString())
}
