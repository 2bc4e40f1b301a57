package task

import (
	"context"
	"reflect"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// A Task is a function that runs in a scope, with its result. The scope does
// not end before the task has. All methods may be called from any goroutine;
// what the function did is visible to whoever reads the result.
//
// A Task that is done is done for good: Done closes, and State becomes final,
// only when the function has returned and its clean-up is over.
type Task[T any] struct {
	child scope.Child // one allocation for both
	fn    func(ctx context.Context) (T, error)
	value T

	callbacks callbacks
}

var spawn = seam.Spawn.(func(context.Context, *scope.Child, capture.Job, uintptr, []scope.TaskOption))

// Go spawns fn as a task of the scope of ctx, or of the one named with
// scope.In, exactly as [scope.Go] does, and keeps its result. It panics if ctx
// or fn is nil, and with scope.ErrNoScope if there is no scope.
func Go[T any](ctx context.Context, fn func(ctx context.Context) (T, error), opts ...scope.TaskOption) *Task[T] {
	if fn == nil {
		panic("task: Go with a nil function: pass the function to run")
	}
	t := &Task[T]{fn: fn}
	spawn(ctx, &t.child, (*job[T])(t), reflect.ValueOf(fn).Pointer(), opts)
	return t
}

// job is a task as its scope runs it.
type job[T any] Task[T]

// Run calls the function and keeps its value, unless there is an error.
func (j *job[T]) Run(ctx context.Context) error {
	fn := j.fn
	j.fn = nil // what it holds is not needed once it has returned
	v, err := fn(ctx)
	if err == nil {
		j.value = v
	}
	return err
}

// Finished runs the done callbacks.
func (j *job[T]) Finished(error) error { return joined(j.callbacks.run()) }

// AddDoneCallback has fn called with the task when that is done: once, on the
// task's goroutine, after Done closed and before the scope can end; or at once,
// on this goroutine, if that has happened. Callbacks run in the order they were
// added and with no lock held: they may add, remove, read and wait; one that is
// added while they run comes after them. If some panic, or end the goroutine by
// Goexit, the others run all the same, and then that counts as a panic, or as a
// scope.ErrGoexit, of the task's scope; the task's own outcome stays. A panic of
// a callback that was added late is raised here. It panics if fn is nil.
func (t *Task[T]) AddDoneCallback(fn func(*Task[T])) *Callback {
	if fn == nil {
		panic("task: AddDoneCallback with a nil function: pass what to call")
	}
	return t.callbacks.add(func() { fn(t) })
}

// RemoveDoneCallback takes registrations back and returns how many it has
// removed: those that are of this task and have not run.
func (t *Task[T]) RemoveDoneCallback(cbs ...*Callback) int { return t.callbacks.remove(cbs) }

// Child returns the task as package scope knows it.
func (t *Task[T]) Child() *scope.Child { return &t.child }

// Name returns the task's name: given with scope.Name, or derived from its
// function.
func (t *Task[T]) Name() string { return t.child.Name() }

// State returns where the task stands.
func (t *Task[T]) State() scope.State { return t.child.State() }

// IsDone reports whether the task has ended.
func (t *Task[T]) IsDone() bool { return t.child.State() >= scope.Succeeded }

// Canceled reports whether the task was ended by a cancellation.
func (t *Task[T]) Canceled() bool { return t.child.State() == scope.Canceled }

// Done returns a channel that is closed when the task is done.
func (t *Task[T]) Done() <-chan struct{} { return t.child.Done() }

// Err returns nil until the task is done, and then its error, as
// [scope.Child.Err] does.
func (t *Task[T]) Err() error { return t.child.Err() }

// Cancel cancels what the task runs, as [scope.Child.Cancel] does.
func (t *Task[T]) Cancel(cause error, opts ...scope.CancelOption) bool {
	return t.child.Cancel(cause, opts...)
}

// Wait waits until the task is done and returns its value or its error, as
// [scope.Child.Wait] does.
func (t *Task[T]) Wait(ctx context.Context) (v T, err error) {
	if err := t.child.Wait(ctx); err != nil {
		return v, err
	}
	return t.value, nil
}

// Result returns the value or the error: an *[InvalidStateError] while the
// task has not ended, the *scope.CanceledError if it was cancelled. It never
// blocks.
func (t *Task[T]) Result() (v T, err error) {
	if s := t.State(); s < scope.Succeeded {
		return v, &InvalidStateError{Op: "Result", State: s}
	}
	if err := t.child.Err(); err != nil {
		return v, err
	}
	return t.value, nil
}

// Exception returns the error, nil if there is a value; otherwise it is like
// [Task.Result].
func (t *Task[T]) Exception() error {
	if s := t.State(); s < scope.Succeeded {
		return &InvalidStateError{Op: "Exception", State: s}
	}
	return t.child.Err()
}
