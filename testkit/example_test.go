package testkit_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// Two tasks in one exact order, whichever begins first.
func ExampleSequencer() {
	seq := testkit.NewSequencer()
	say := func(ctx context.Context, n int, text string) error {
		if err := seq.Step(ctx, n); err != nil {
			return err
		}
		fmt.Println(text)
		return nil
	}
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			if err := say(ctx, 1, "read"); err != nil {
				return err
			}
			return say(ctx, 3, "overwrite what has changed meanwhile")
		})
		scope.Go(ctx, func(ctx context.Context) error {
			if err := say(ctx, 0, "begin"); err != nil {
				return err
			}
			return say(ctx, 2, "write")
		})
		return nil
	})
	// Output:
	// begin
	// read
	// write
	// overwrite what has changed meanwhile
}

// exampleT stands for the t of a test, which an Example has none of.
type exampleT struct{ testing.TB }

func (exampleT) Helper()                        {}
func (exampleT) Cleanup(func())                 {}
func (exampleT) Errorf(format string, a ...any) { fmt.Printf(format+"\n", a...) }

// The trace of a small program, as text.
func ExampleRecorder() {
	var t exampleT // the t of the test
	r := testkit.NewRecorder(t)
	_ = scope.Run(r.Context(context.Background()), func(ctx context.Context) error {
		jobs := csync.NewQueue[string](0, csync.Name("jobs"))
		scope.Go(ctx, func(ctx context.Context) error { return jobs.Put(ctx, "a") }, scope.Name("producer"))
		scope.Go(ctx, func(ctx context.Context) error {
			_, err := jobs.Get(ctx)
			return err
		}, scope.Name("consumer"))
		return nil
	}, scope.Name("pipeline"))
	fmt.Println(r.Tree())
	// Output:
	// scope pipeline
	//   task consumer
	//     get jobs → task producer
	//   task producer
	//     put jobs
}

// One span by its name.
func ExampleSpan() {
	var t exampleT // the t of the test
	r := testkit.NewRecorder(t)
	_ = scope.Run(r.Context(context.Background()), func(ctx context.Context) error {
		return scope.Go(ctx, func(context.Context) error { return fmt.Errorf("sold out") }, scope.Name("cart")).Wait(ctx)
	}, scope.Name("checkout"))
	cart := r.Span("task cart")
	fmt.Println(cart.Parent, cart.Status, cart.Attr("corral.task.result"))
	// Output: scope checkout Error failure
}
