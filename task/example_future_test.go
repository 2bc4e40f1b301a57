package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

// A Future is a result that somebody sets; the zero value will do. Any number
// of tasks wait for it.
func ExampleFuture() {
	var answer task.Future[int]
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		a, b := task.Go(ctx, answer.Wait), task.Go(ctx, answer.Wait)
		if err := answer.SetResult(42); err != nil {
			return err
		}
		for _, t := range []*task.Task[int]{a, b} {
			v, err := t.Wait(ctx)
			fmt.Println(v, err)
		}
		return nil
	})
	fmt.Println(answer.State(), err)
	// Output:
	// 42 <nil>
	// 42 <nil>
	// succeeded <nil>
}

// NewFuture gives a future a place in the trace, and a name there and in the
// live tree.
func ExampleNewFuture() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		connected := task.NewFuture[string](ctx, task.Name("connected"))
		scope.Go(ctx, func(context.Context) error {
			return connected.SetResult("10.0.0.7:5432")
		})
		addr, err := connected.Wait(ctx)
		fmt.Println(addr)
		return err
	})
	fmt.Println(err)
	// Output:
	// 10.0.0.7:5432
	// <nil>
}

// Options of NewFuture may be kept and passed on; a nil one is ignored.
func ExampleFutureOption() {
	opts := []task.FutureOption{task.Name("config"), nil}
	f := task.NewFuture[int](context.Background(), opts...)
	defer f.Cancel(nil)
	fmt.Println(f.State())
	// Output: pending
}

// The name is what the live tree shows while somebody waits.
func ExampleName() {
	s := scope.New(scope.Name("app"))
	_ = s.Run(context.Background(), func(ctx context.Context) error {
		f := task.NewFuture[int](ctx, task.Name("config"))
		scope.Go(ctx, func(ctx context.Context) error {
			_, err := f.Wait(ctx)
			return err
		})
		for {
			for _, t := range s.Snapshot().Tasks {
				if w := t.WaitingOn; w != nil {
					fmt.Println(w.Kind, w.Name)
					return f.SetResult(1)
				}
			}
			_ = scope.Sleep(ctx, time.Millisecond)
		}
	})
	// Output: future.wait config
}

// Who gives up waiting affects neither the future nor the others.
func ExampleFuture_Wait() {
	f := new(task.Future[string])
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		timedOut, err := scope.MoveOnAfter(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := f.Wait(ctx)
			return err
		})
		fmt.Println("timed out:", timedOut, err)
		_ = f.SetResult("late")
		v, err := f.Wait(ctx)
		fmt.Println(v)
		return err
	})
	fmt.Println(err)
	// Output:
	// timed out: true <nil>
	// late
	// <nil>
}

// A future is cancelled with a reason, and stays it.
func ExampleFuture_Cancel() {
	f := new(task.Future[int])
	fmt.Println(f.Cancel(errors.New("not needed any more")))
	_, err := f.Result()
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.Canceled), f.Cancel(nil))
	// Output:
	// true
	// scope: canceled (explicit): not needed any more
	// true false
}

// An InvalidStateError says what was tried, and in which state.
func ExampleInvalidStateError() {
	f := new(task.Future[int])
	_, err := f.Result()
	fmt.Println(err)

	_ = f.SetResult(1)
	err = f.SetError(errors.New("too late"))
	var invalid *task.InvalidStateError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Op, invalid.State, errors.Is(err, task.ErrInvalidState))
	}
	// Output:
	// task: Result: invalid state: pending
	// SetError succeeded true
}

// Callbacks run once, in the order they were added, on the goroutine that sets
// the future; on a future that is done, at once.
func ExampleFuture_AddDoneCallback() {
	f := new(task.Future[int])
	f.AddDoneCallback(func(f *task.Future[int]) {
		v, _ := f.Result()
		fmt.Println("first:", v)
	})
	f.AddDoneCallback(func(*task.Future[int]) { fmt.Println("second") })
	_ = f.SetResult(3)
	f.AddDoneCallback(func(*task.Future[int]) { fmt.Println("late, and at once") })
	// Output:
	// first: 3
	// second
	// late, and at once
}

// A Callback takes its registration back.
func ExampleCallback() {
	f := new(task.Future[int])
	cb := f.AddDoneCallback(func(*task.Future[int]) { fmt.Println("not called") })
	fmt.Println(f.RemoveDoneCallback(cb), f.RemoveDoneCallback(cb))
	_ = f.SetResult(1)
	// Output: 1 0
}
