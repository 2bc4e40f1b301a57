package testkit_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// How often something was measured, and what a counter has come to.
func ExampleRecorder_Metric() {
	var t exampleT // the t of the test
	r := testkit.NewRecorder(t)
	jobs := csync.NewQueue[string](0, csync.Name("jobs"))
	_ = scope.Run(r.Context(context.Background()), func(ctx context.Context) error {
		_ = jobs.Put(ctx, "a")
		_ = jobs.Put(ctx, "b")
		_, err := jobs.Get(ctx)
		return err
	})
	operations, _ := r.Metric("corral.queue.operation.duration")
	size, _ := r.Metric("corral.queue.size")
	_, lag := r.Metric("corral.loop.delay")
	fmt.Println(operations, size, lag)
	jobs.Close()
	// Output: 3 1 false
}

// A failure is logged once, where it began.
func ExampleRecorder_Logs() {
	var t exampleT // the t of the test
	r := testkit.NewRecorder(t)
	_ = scope.Run(r.Context(context.Background()), func(ctx context.Context) error {
		return scope.Go(ctx, func(context.Context) error { return errors.New("sold out") }, scope.Name("cart")).Wait(ctx)
	}, scope.Name("checkout"))
	for _, l := range r.Logs() {
		fmt.Println(l.Severity, l.Name, "in", l.Span+":", l.Attr("exception.message"))
	}
	// Output: ERROR corral.task.exception in task cart: sold out
}

// A log event by one of its attributes.
func ExampleLog() {
	var t exampleT // the t of the test
	r := testkit.NewRecorder(t)
	_ = scope.Run(r.Context(context.Background()), func(ctx context.Context) error {
		scope.Go(ctx, func(context.Context) error { panic("oh") }, scope.Name("cart"))
		return nil
	}, scope.Name("checkout"), scope.PanicsAsErrors())
	for _, l := range r.Logs() {
		if l.Attr("exception.type") == "string" {
			fmt.Println(l.Span, l.Attr("exception.message"))
		}
	}
	// Output: task cart oh
}
