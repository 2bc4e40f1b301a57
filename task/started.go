package task

import (
	"context"
	"reflect"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// ErrNotStarted is what WaitStarted returns if the function has ended without
// calling started, and without an error.
var ErrNotStarted error = &notStarted{}

type notStarted struct{}

func (*notStarted) Error() string {
	return "task: the function has ended without calling started"
}
func (*notStarted) ErrorType() string { return "not_started" }

// StartedTask is a Task whose function announces that it is ready.
type StartedTask[T, S any] struct {
	*Task[T]

	announced Future[S]
}

// Start spawns fn as a task, as [Go] does, and gives it a function to call with
// a value once it is ready to be used; a second call returns an
// *[InvalidStateError] and changes nothing. It is Trio's nursery.start and
// anyioutils' start_task, except that Start itself does not wait: see
// [StartedTask.WaitStarted].
func Start[T, S any](ctx context.Context, fn func(ctx context.Context, started func(S) error) (T, error), opts ...scope.TaskOption) *StartedTask[T, S] {
	if fn == nil {
		panic("task: Start with a nil function: pass the function to run")
	}
	t := &StartedTask[T, S]{Task: new(Task[T])}
	t.Task.fn = func(ctx context.Context) (T, error) {
		return fn(ctx, func(s S) error {
			return t.announced.settle("started", scope.Succeeded, s, nil, seam.StrandOf(&t.Task.child))
		})
	}
	spawn(ctx, &t.Task.child, (*startedJob[T, S])(t), reflect.ValueOf(fn).Pointer(), opts)
	return t
}

// startedJob is a started task as its scope runs it.
type startedJob[T, S any] StartedTask[T, S]

// Run calls the function.
func (j *startedJob[T, S]) Run(ctx context.Context) error { return (*job[T])(j.Task).Run(ctx) }

// Finished tells those who wait for the announcement that there will be none,
// and runs the done callbacks.
func (j *startedJob[T, S]) Finished(handled error) error {
	err := j.Task.child.Err()
	if err == nil {
		err = handled
	}
	if err == nil {
		err = ErrNotStarted
	}
	var zero S
	_ = j.announced.settle("started", scope.Failed, zero, err, seam.StrandOf(&j.Task.child)) // too late, if there was one
	return (*job[T])(j.Task).Finished(handled)
}

// WaitStarted waits until the function has called started, and returns the
// value; to any number of callers, any number of times, also after the task has
// ended. If the function ends without, it returns that function's error, the
// cancellation, or [ErrNotStarted]. Otherwise it returns the cancellation of
// ctx. In the task itself, before it has called started, it returns an error at
// once. It panics if ctx is nil.
func (t *StartedTask[T, S]) WaitStarted(ctx context.Context) (s S, err error) {
	if ctx == nil {
		panic("task: WaitStarted with a nil ctx: pass the ctx of the scope or task that waits")
	}
	var op park.Op
	canceled := op.Begin(ctx)
	if p := op.Place(); p != nil && !t.announced.IsDone() && canceled == nil && seam.Contains(&t.Task.child, p) {
		err = &InvalidStateError{Op: "WaitStarted in the task itself", State: t.State()}
	} else {
		s, err = t.announced.wait(&op, canceled, (*starting[T, S])(t))
		if err != nil && t.IsDone() {
			s, err = t.unlessDone(err)
		}
	}
	if op.Traced() {
		op.End(otelx.Leaf{Kind: "await", Name: t.Name(), On: &t.announced, Link: t.child.SpanContext()}, err)
	}
	return s, err
}

// unlessDone is what there is to say of a task that is done, and otherwise
// canceled. A task that fails cancels its scope when it is done, and only then
// says that it will not start: who waits in that scope sees why (R31).
func (t *StartedTask[T, S]) unlessDone(canceled error) (s S, err error) {
	if t.announced.IsDone() {
		return t.announced.Result()
	}
	if err := t.Err(); err != nil {
		return s, err
	}
	return s, canceled
}

// starting is a started task as others wait for its announcement. Unlike a
// future, it is not cancelled with who waits for it.
type starting[T, S any] StartedTask[T, S]

// Awaited names the task in the live tree.
func (s *starting[T, S]) Awaited(look park.Look) park.Mark {
	c := s.Child()
	m := park.Mark{Kind: "task.started", Name: s.Task.Name()}
	if look != nil {
		m.Holders, m.IDs = []string{seam.PathOf(c)}, []uint64{c.ID()}
	}
	return m
}
