package scope

import (
	"context"
	"os"
	"strconv"
	"time"
)

// Option shapes a scope. A nil Option is ignored.
type Option interface{ applyScope() }

// TaskOption shapes a task. A nil TaskOption is ignored.
type TaskOption interface{ applyTask() }

// SharedOption shapes a scope or a task.
type SharedOption interface {
	Option
	TaskOption
}

// CancelOption shapes a call of Cancel. A nil CancelOption is ignored.
type CancelOption interface{ applyCancel() }

type (
	nameOption      string
	timeoutOption   time.Duration
	deadlineOption  time.Time
	movableOption   time.Time
	moveOnOption    struct{}
	shieldOption    struct{}
	limitOption     int
	superviseOption struct{ onError func(error) }
	panicsOption    struct{}
	signalsOption   struct {
		grace time.Duration
		sig   []os.Signal
	}
	inOption         struct{ s *Scope }
	backgroundOption struct{}
	mainOption       struct{}
	newRootOption    struct{}
	onErrorOption    struct {
		handle func(context.Context, error) bool
	}
	raiseOption struct{}
	byOption    struct{ ctx context.Context }
)

func (nameOption) applyScope()      {}
func (nameOption) applyTask()       {}
func (timeoutOption) applyScope()   {}
func (timeoutOption) applyTask()    {}
func (deadlineOption) applyScope()  {}
func (deadlineOption) applyTask()   {}
func (movableOption) applyScope()   {}
func (moveOnOption) applyScope()    {}
func (shieldOption) applyScope()    {}
func (limitOption) applyScope()     {}
func (superviseOption) applyScope() {}
func (panicsOption) applyScope()    {}
func (signalsOption) applyScope()   {}
func (inOption) applyTask()         {}
func (backgroundOption) applyTask() {}
func (mainOption) applyTask()       {}
func (newRootOption) applyTask()    {}
func (onErrorOption) applyTask()    {}
func (raiseOption) applyCancel()    {}
func (byOption) applyCancel()       {}

// Name names a scope or task, in its path, spans and metrics. Keep it of low
// cardinality: no ids, no user input. Without it, or with "", the name is
// derived from the function.
func Name(name string) SharedOption { return nameOption(name) }

// Timeout sets a fixed deadline d after the scope is entered, or after the
// task's function begins. Zero or negative: it is reached at once. With
// several deadlines the earliest counts.
func Timeout(d time.Duration) SharedOption { return timeoutOption(d) }

// Deadline sets a fixed deadline at t; ctx.Deadline reports it, and ctx.Err is
// context.DeadlineExceeded once it is reached. The zero Time means none.
func Deadline(t time.Time) SharedOption { return deadlineOption(t) }

// MovableDeadline sets a deadline at t (the zero Time: none yet) that
// [Scope.SetDeadline] can move while the scope runs. Because a Context's
// deadline may not change, ctx.Deadline does not report it and ctx.Err is
// context.Canceled; [EffectiveDeadline] knows it and the cause is of kind
// deadline.
func MovableDeadline(t time.Time) Option { return movableOption(t) }

// MoveOn makes Run return nil, rather than the *CanceledError, when the scope
// caught its own deadline.
func MoveOn() Option { return moveOnOption{} }

// Shield hides cancellation and deadlines of everything around the scope from
// everything in it. Its own Cancel and deadline still act. See [Scope.Unshield].
func Shield() Option { return shieldOption{} }

// Limit lets at most n tasks of the scope run at once; Background tasks do not
// count. Spawning beyond the limit waits, first come first served and until
// ctx is cancelled; from a task inside the scope it does not wait (a full scope
// would deadlock), but the new task stays pending until its turn. It panics if
// n is not positive.
func Limit(n int) Option {
	if n <= 0 {
		panic("scope: Limit(" + strconv.Itoa(n) + "): at least one task must be able to run; leave Limit out for no limit")
	}
	return limitOption(n)
}

// Supervise hands a task's failure to onError, on the task's goroutine (so
// several calls may run at once), and lets the others go on: Run fails only through its body. A panic is a failure
// too and reaches onError as a *[PanicError]. With a nil onError errors are
// dropped, but a panic still cancels the scope and is raised by Run.
func Supervise(onError func(err error)) Option { return superviseOption{onError} }

// PanicsAsErrors makes Run return a panic of its tasks or body as a failure
// instead of raising it again.
func PanicsAsErrors() Option { return panicsOption{} }

// Signals shuts the scope down gracefully, with the grace period, at the first
// of the signals (none given: os.Interrupt and SIGTERM) and cancels it at the
// second. The reason names the signal.
func Signals(grace time.Duration, sig ...os.Signal) Option {
	return signalsOption{grace, append([]os.Signal(nil), sig...)}
}

// In spawns into s rather than into the innermost scope of ctx. Values and
// trace context still come from ctx; cancellation and deadlines are those of
// s. A nil s means the scope of ctx.
func In(s *Scope) TaskOption { return inOption{s} }

// Background makes a task that does not keep the scope open: it is cancelled
// (kind scope-done) when the body and all other tasks have ended, and joined.
// Its span is the root of a trace of its own, linked to the scope's.
func Background() TaskOption { return backgroundOption{} }

// Main makes a task whose end ends the scope: the rest is cancelled (kind
// scope-done).
func Main() TaskOption { return mainOption{} }

// NewRoot makes the task's span the root of a trace of its own, linked to the
// scope's.
func NewRoot() TaskOption { return newRootOption{} }

// OnError calls handle with the task's failure (not with its cancellation), on
// the task's goroutine, before the task is done. If it reports true, the error
// is handled: the task ends with no error and the scope does not fail. A nil
// handle is ignored.
func OnError(handle func(ctx context.Context, err error) bool) TaskOption {
	return onErrorOption{handle}
}

// Raise makes the scope that owns the task fail with the *CanceledError
// (raise_exception=True of anyioutils); given to [Scope.Cancel], Run returns it.
func Raise() CancelOption { return raiseOption{} }

// By says on whose behalf: the cause then names the task and span of ctx.
func By(ctx context.Context) CancelOption { return byOption{ctx} }

// config is what the options of a scope say.
type config struct {
	name         string
	timeout      *time.Duration
	deadline     time.Time // fixed
	movableAt    time.Time
	limit        int
	onError      func(error)
	signals      *signalsOption
	movable      bool
	moveOn       bool
	shield       bool
	isSupervised bool
	asErrors     bool
}

func (c *config) apply(opts []Option) {
	for _, o := range opts {
		switch o := o.(type) {
		case nameOption:
			c.name = string(o)
		case timeoutOption:
			d := time.Duration(o)
			if c.timeout == nil || d < *c.timeout {
				c.timeout = &d
			}
		case deadlineOption:
			c.deadline = earliest(c.deadline, time.Time(o))
		case movableOption:
			c.movable, c.movableAt = true, time.Time(o)
		case moveOnOption:
			c.moveOn = true
		case shieldOption:
			c.shield = true
		case limitOption:
			c.limit = int(o)
		case superviseOption:
			c.isSupervised, c.onError = true, o.onError
		case panicsOption:
			c.asErrors = true
		case signalsOption:
			c.signals = &o
		}
	}
}

// rare is what most tasks do without.
type rare struct {
	timed    bool // has a deadline of its own
	timeout  *time.Duration
	deadline time.Time
	handle   func(context.Context, error) bool
}

// taskConfig is what the options of a task say.
type taskConfig struct {
	name       string
	in         *Scope
	background bool
	main       bool
	newRoot    bool
	rare       *rare
}

func (c *taskConfig) apply(opts []TaskOption) {
	for _, o := range opts {
		switch o := o.(type) {
		case nameOption:
			c.name = string(o)
		case timeoutOption:
			r, d := c.needRare(), time.Duration(o)
			r.timed = true
			if r.timeout == nil || d < *r.timeout {
				r.timeout = &d
			}
		case deadlineOption:
			if t := time.Time(o); !t.IsZero() {
				r := c.needRare()
				r.timed, r.deadline = true, earliest(r.deadline, t)
			}
		case inOption:
			c.in = o.s
		case backgroundOption:
			c.background = true
		case mainOption:
			c.main = true
		case newRootOption:
			c.newRoot = true
		case onErrorOption:
			if o.handle != nil {
				c.needRare().handle = o.handle
			}
		}
	}
	if c.main && c.background {
		panic("scope: a task cannot be Main and Background: a Main task ends its scope, a Background task is ended by it")
	}
}

func (c *taskConfig) needRare() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// earliest returns the earlier of two deadlines; zero means none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
