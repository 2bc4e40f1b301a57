// Package capture runs a function and takes its outcome: error, panic with the
// stack of its site, or runtime.Goexit. Outcomes are taken here before
// anything else (a conc pool, which mistakes Goexit for success and keeps one
// panic only) can see them.
package capture

import (
	"context"
	"runtime/debug"
)

// A Job is what a task runs.
type Job interface {
	Run(ctx context.Context) error
}

// Func makes a Job of a function, without allocating.
type Func func(ctx context.Context) error

// Run calls f.
func (f Func) Run(ctx context.Context) error { return f(ctx) }

// An Outcome is how a function ended. At most one of its fields is set; none
// means success.
type Outcome struct {
	Err    error
	Panic  *Panic
	Goexit bool
}

// Panic is a recovered panic.
type Panic struct {
	Value any
	Stack []byte // of the panic site; of the first one, if it was raised again
}

// StackOf returns the stack that goes with the value of a panic that was
// recovered before and raised again, or nil. Package scope, whose scopes do that,
// sets it when it is initialised: each of many around each other would otherwise
// walk the whole stack once more.
var StackOf = func(value any) []byte { return nil }

// A Sink is told how a job ended.
type Sink interface {
	End(Outcome)
}

// Do runs job and tells sink how it ended: exactly once, on this goroutine,
// and also when the job ends the goroutine with Goexit, which then goes on
// once sink returns.
func Do(ctx context.Context, job Job, sink Sink) {
	exiting := true
	defer func() {
		if exiting {
			sink.End(Outcome{Goexit: true})
		}
	}()
	out := Call(ctx, job)
	exiting = false
	sink.End(out)
}

// Call runs job and returns its outcome. It does not return if the job ends
// the goroutine.
func Call(ctx context.Context, job Job) (out Outcome) {
	defer func() {
		if v := recover(); v != nil {
			stack := StackOf(v)
			if stack == nil {
				stack = debug.Stack()
			}
			out = Outcome{Panic: &Panic{Value: v, Stack: stack}}
		}
	}()
	return Outcome{Err: job.Run(ctx)}
}
