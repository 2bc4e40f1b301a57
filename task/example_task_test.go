package task_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

// A task is spawned into the scope of ctx, which does not end before it.
func ExampleGo() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		user := task.Go(ctx, func(context.Context) (string, error) { return "ada", nil })
		items := task.Go(ctx, func(context.Context) (int, error) { return 3, nil })
		u, err := user.Wait(ctx)
		if err != nil {
			return err
		}
		n, err := items.Wait(ctx)
		fmt.Println(u, "has", n, "items")
		return err
	})
	fmt.Println(err)
	// Output:
	// ada has 3 items
	// <nil>
}

// A task that is done has a result for everybody who asks; before, asking is an
// error.
func ExampleTask() {
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		gate := new(task.Future[int])
		t := task.Go(ctx, gate.Wait, scope.Name("answer"))
		_, err := t.Result()
		fmt.Println(t.Name(), t.IsDone(), errors.Is(err, task.ErrInvalidState))

		_ = gate.SetResult(42)
		<-t.Done()
		v, err := t.Result()
		fmt.Println(t.State(), v, err)
		return nil
	})
	// Output:
	// answer false true
	// succeeded 42 <nil>
}

// Cancel ends one task, and neither its scope nor its siblings.
func ExampleTask_Cancel() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		t := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, scope.Sleep(ctx, time.Hour)
		})
		t.Cancel(errors.New("nobody reads it"))
		_, err := t.Wait(ctx)
		fmt.Println(t.Canceled(), errors.Unwrap(err))
		return nil
	})
	fmt.Println(err)
	// Output:
	// true nobody reads it
	// <nil>
}

// With Raise the scope fails with the cancellation.
func ExampleTask_Cancel_raise() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		t := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, scope.Sleep(ctx, time.Hour)
		})
		t.Cancel(errors.New("out of money"), scope.Raise())
		return nil
	}, scope.Name("batch"))
	var canceled *scope.CanceledError
	fmt.Println(errors.As(err, &canceled), canceled.Reason)
	// Output: true out of money
}

// Done callbacks of a task run on its goroutine, before its scope can end.
func ExampleTask_AddDoneCallback() {
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		gate := new(task.Future[int])
		t := task.Go(ctx, gate.Wait)
		t.AddDoneCallback(func(t *task.Task[int]) {
			v, err := t.Result()
			fmt.Println("done:", v, err)
		})
		return gate.SetResult(7)
	})
	// Output: done: 7 <nil>
}

// Everything that ends once is an Awaitable.
func ExampleAwaitable() {
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		f := new(task.Future[int])
		_ = f.SetResult(1)
		for _, aw := range []task.Awaitable{
			f,
			task.Go(ctx, func(context.Context) (int, error) { return 2, nil }),
			scope.Go(ctx, func(context.Context) error { return nil }),
		} {
			<-aw.Done()
			fmt.Println(aw.Err())
		}
		return nil
	})
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

// A started task says when it is ready, and with what; then it runs on.
func ExampleStart() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		stop := new(task.Future[string])
		server := task.Start(ctx, func(ctx context.Context, started func(port int) error) (string, error) {
			if err := started(8080); err != nil {
				return "", err
			}
			return stop.Wait(ctx)
		}, scope.Name("server"))

		port, err := server.WaitStarted(ctx)
		if err != nil {
			return err
		}
		fmt.Println("listening on", port)
		_ = stop.SetResult("served 3 requests")
		report, err := server.Wait(ctx)
		fmt.Println(report)
		return err
	})
	fmt.Println(err)
	// Output:
	// listening on 8080
	// served 3 requests
	// <nil>
}

// A function that ends without having started tells those who wait why.
func ExampleStartedTask() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		server := task.Start(ctx, func(context.Context, func(int) error) (int, error) {
			return 0, errors.New("address in use")
		}, scope.Name("server"))
		_, err := server.WaitStarted(ctx)
		fmt.Println(err)
		return nil
	}, scope.Name("app"))
	fmt.Println(err)
	// Output:
	// address in use
	// scope app: task app/server: address in use
}
