package scope

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

var (
	// ErrClosed is the outcome of a task that was spawned into a scope that has
	// ended (or has not begun), and what steering an ended scope returns.
	ErrClosed error = &sentinel{"scope: the scope has ended (or was not run yet): nothing can be started in it", "closed"}
	// ErrNoScope is the value of the panic of a spawn whose ctx carries no scope.
	ErrNoScope error = &sentinel{"scope: ctx carries no scope: pass the ctx of a scope.Run body or of a task, or say which scope with scope.In(s)", "no_scope"}
	// ErrInUse is returned by a second Run of one Scope.
	ErrInUse error = &sentinel{"scope: Run was called twice on one Scope: a scope runs once, make a new one", "in_use"}
	// ErrNotMovable is returned by SetDeadline on a scope without
	// MovableDeadline, and by Unshield on a scope without Shield.
	ErrNotMovable error = &sentinel{"scope: fixed when the scope was made: open it with MovableDeadline to move its deadline, with Shield to unshield it", "not_movable"}
	// ErrGoexit is the failure of a task or body that ended by runtime.Goexit
	// (t.FailNow, for one).
	ErrGoexit error = &sentinel{"scope: ended by runtime.Goexit", "goexit"}
)

// errSelfWait is returned instead of a wait that could never end (R47).
var errSelfWait error = &sentinel{"scope: a task waits for itself, or for a task it runs inside of: it would never end", "self_wait"}

type sentinel struct{ text, word string }

func (e *sentinel) Error() string     { return e.text }
func (e *sentinel) ErrorType() string { return e.word }

// Kind says what kind of event began a cancellation.
type Kind uint8

const (
	// KindExplicit is a call of Cancel.
	KindExplicit Kind = iota + 1
	// KindDeadline is a deadline or timeout that was reached.
	KindDeadline
	// KindTaskFailed is a task of the scope that failed.
	KindTaskFailed
	// KindBodyFailed is the body of the scope that failed.
	KindBodyFailed
	// KindContext is a plain context around the scope that was cancelled.
	KindContext
	// KindScopeDone is the end of the scope, or of its Main task.
	KindScopeDone
	// KindShutdown is a graceful shutdown whose grace period is over.
	KindShutdown
	// KindRaceLost is a race that another function has won.
	KindRaceLost
)

var kindNames = [...]string{"unknown", "explicit", "deadline", "task-failed", "body-failed", "context", "scope-done", "shutdown", "race-lost"}

// String returns the word that stands for k in errors, spans and metrics.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// CanceledError says why something was cancelled: it is the cause of every
// cancellation that Corral begins or passes on, and what a cancelled wait
// returns. One cancellation is one value, whatever it reaches, so the pointers
// can be compared. It must not be changed, and holds no task's memory alive.
//
// errors.Is(e, context.Canceled) holds for every kind but [KindDeadline], for
// which errors.Is(e, context.DeadlineExceeded) holds; for [KindContext] it is
// whatever the Err of that context was.
type CanceledError struct {
	Kind   Kind
	Scope  string            // path of the scope that was cancelled first
	Task   string            // path of the task that asked for it, "" if unknown
	Reason error             // never nil
	At     time.Time         // when it began
	Span   trace.SpanContext // span that was current where the cancellation began

	ctxErr error         // for KindContext: what the foreign context's Err returned
	why    otelx.Release // what led to it, if traced
}

// Error says what was cancelled, of what kind, and why.
func (e *CanceledError) Error() string {
	var b strings.Builder
	b.WriteString("scope: ")
	if e.Scope != "" {
		b.WriteString(e.Scope + " ")
	}
	b.WriteString("canceled (" + e.Kind.String() + ")")
	if e.Task != "" {
		b.WriteString(" by " + e.Task)
	}
	if e.Reason != nil {
		b.WriteString(": " + e.Reason.Error())
	}
	return b.String()
}

// Unwrap returns the reason.
func (e *CanceledError) Unwrap() error { return e.Reason }

// Is reports whether target is what ctx.Err() says of this kind of
// cancellation.
func (e *CanceledError) Is(target error) bool {
	switch e.Kind {
	case KindDeadline:
		return target == context.DeadlineExceeded //nolint:errorlint // identity is the question here
	case KindContext:
		return sameError(target, e.ctxErr)
	default:
		return target == context.Canceled //nolint:errorlint // identity is the question here
	}
}

// ErrorType returns "timeout" for a deadline and "canceled" for the rest.
func (e *CanceledError) ErrorType() string {
	if e.Kind == KindDeadline {
		return "timeout"
	}
	return "canceled"
}

// Error is what Run returns when something in the scope failed: every failure
// once, in the order in which they happened.
type Error struct {
	Scope    string
	Failures []Failure
	Cause    *CanceledError // the cancellation caught beside them, or nil
}

// Failure is one failure of a scope.
type Failure struct {
	Task string // path of the task, "" for the body
	Err  error
	Span trace.SpanContext
}

// Error lists the failures, one a line if there are several.
func (e *Error) Error() string {
	head := "scope"
	if e.Scope != "" {
		head += " " + e.Scope
	}
	if len(e.Failures) == 1 {
		return head + ": " + e.Failures[0].text()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d failures", head, len(e.Failures))
	for _, f := range e.Failures {
		b.WriteString("\n\t" + strings.ReplaceAll(f.text(), "\n", "\n\t"))
	}
	return b.String()
}

func (f Failure) text() string {
	if f.Task == "" {
		return f.Err.Error()
	}
	return "task " + f.Task + ": " + f.Err.Error()
}

// Unwrap returns the failures, so that errors.Is and errors.As find each.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Failures))
	for i, f := range e.Failures {
		errs[i] = f.Err
	}
	return errs
}

// ErrorType returns the word of the first failure, or its type's name.
func (e *Error) ErrorType() string {
	if len(e.Failures) == 0 {
		return "failure"
	}
	var typed interface{ ErrorType() string }
	if errors.As(e.Failures[0].Err, &typed) {
		return typed.ErrorType()
	}
	return fmt.Sprintf("%T", e.Failures[0].Err)
}

// PanicError is a panic in a task or body, with the stack of the panic site.
// Run raises it again on its caller's goroutine, after everything was joined;
// under PanicsAsErrors it is one of the failures that Run returns.
type PanicError struct {
	Value any
	Stack []byte
	Task  string // path of the task, "" for the body

	beside *Error // the other failures of the scope, when raised again
}

// Error includes the stack of the panic site: the runtime prints nothing else
// of a panic that is raised again.
func (e *PanicError) Error() string {
	who := "the body"
	if e.Task != "" {
		who = "task " + e.Task
	}
	text := fmt.Sprintf("scope: panic in %s: %v\n\n%s", who, e.Value, e.Stack)
	if e.beside != nil {
		text += "\nbeside it: " + e.beside.Error()
	}
	return text
}

// Unwrap returns the value that was panicked with, if it is an error, joined
// with the scope's other failures, if there are any.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	switch {
	case e.beside == nil:
		return err
	case err == nil:
		return e.beside
	default:
		return errors.Join(err, e.beside)
	}
}

// ErrorType returns "panic".
func (e *PanicError) ErrorType() string { return "panic" }
