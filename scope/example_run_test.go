package scope_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corral-go/corral/scope"
)

// The first failure cancels the rest, and Run says why.
func ExampleRun() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			return errors.New("no such cart")
		}, scope.Name("cart"))
		user := scope.Go(ctx, func(ctx context.Context) error {
			return scope.Sleep(ctx, time.Hour)
		}, scope.Name("user"))
		<-user.Done()
		fmt.Println(user.State())
		return nil
	}, scope.Name("checkout"))
	fmt.Println(err)
	// Output:
	// canceled
	// scope checkout: task checkout/cart: no such cart
}

// A scope that was cancelled itself catches that: Run returns nil.
func ExampleScope_Cancel() {
	s := scope.New(scope.Name("search"))
	err := s.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			s.Cancel(errors.New("found it elsewhere"))
			return nil
		})
		return scope.Sleep(ctx, time.Hour)
	})
	fmt.Println(err, s.CancelCaught())
	fmt.Println(s.Cause())
	// Output:
	// <nil> true
	// scope: search canceled (explicit): found it elsewhere
}

// MoveOnAfter bounds what is worth waiting for, and goes on.
func ExampleMoveOnAfter() {
	timedOut, err := scope.MoveOnAfter(context.Background(), time.Millisecond, func(ctx context.Context) error {
		return scope.Sleep(ctx, time.Hour)
	})
	fmt.Println(timedOut, err)
	// Output: true <nil>
}

// FailAfter makes being late an error.
func ExampleFailAfter() {
	err := scope.FailAfter(context.Background(), time.Millisecond, func(ctx context.Context) error {
		return scope.Sleep(ctx, time.Hour)
	}, scope.Name("lookup"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// scope: lookup canceled (deadline): context deadline exceeded
	// true
}

// Clean-up that has to wait is shielded, and bounded.
func ExampleShielded() {
	s := scope.New()
	err := s.Run(context.Background(), func(ctx context.Context) error {
		s.Cancel(nil)
		return scope.Shielded(ctx, time.Second, func(ctx context.Context) error {
			fmt.Println("rolled back:", ctx.Err() == nil)
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// rolled back: true
	// <nil>
}

// A supervised scope lives on when a task fails.
func ExampleSupervise() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		return scope.Go(ctx, func(context.Context) error { return nil }).Wait(ctx)
	}, scope.Supervise(func(err error) { fmt.Println("failed:", err) }))
	fmt.Println(err)
	// Output: <nil>
}

// A panic in a task is raised again where Run was called, with the stack of
// its site; PanicsAsErrors makes it an error.
func ExamplePanicsAsErrors() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(context.Context) error { panic("oops") }, scope.Name("worker"))
		return nil
	}, scope.PanicsAsErrors(), scope.Name("pool"))
	var p *scope.PanicError
	fmt.Println(errors.As(err, &p), p.Task, p.Value)
	// Output: true pool/worker oops
}

// A task that keeps running until the others are done.
func ExampleBackground() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			err := scope.Sleep(ctx, time.Hour)
			fmt.Println("heartbeat ends:", scope.CauseOf(ctx).Kind)
			return err
		}, scope.Background())
		return scope.Sleep(ctx, time.Millisecond)
	})
	fmt.Println(err)
	// Output:
	// heartbeat ends: scope-done
	// <nil>
}

// A graceful shutdown: whoever listens to Stopping ends by itself, the rest is
// cancelled when the grace is over.
func ExampleScope_Shutdown() {
	s := scope.New()
	err := s.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			<-scope.Stopping(ctx)
			fmt.Println("finishing what I have")
			return nil
		})
		s.Shutdown(errors.New("new version"), time.Minute)
		return nil
	})
	fmt.Println(err)
	// Output:
	// finishing what I have
	// <nil>
}

// The live tree, while it runs.
func ExampleScope_Snapshot() {
	s := scope.New(scope.Name("service"))
	_ = s.Run(context.Background(), func(ctx context.Context) error {
		task := scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, scope.Name("poller"))
		for {
			t := s.Snapshot().Tasks[0]
			if t.WaitingOn != nil {
				fmt.Println(t.Path, t.State, "waits in", t.WaitingOn.Kind)
				task.Cancel(nil)
				return nil
			}
			if err := scope.Checkpoint(ctx); err != nil {
				return err
			}
		}
	})
	// Output: service/poller running waits in sleep
}

// Blocking marks a call that no ctx can end; Abandon stops waiting for it.
func ExampleBlocking() {
	n, err := scope.Blocking(context.Background(), func() (int, error) { return 42, nil })
	fmt.Println(n, err)
	// Output: 42 <nil>
}
