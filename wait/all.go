package wait

import (
	"context"
	"strconv"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

// All runs the functions as tasks of a scope of their own, and returns their
// results, in the order of fns. The first that fails cancels the rest, and the
// error is what [scope.Run] says of them: a *scope.Error with every failure.
// There are results or an error, never both: a function that was cancelled,
// also by itself, has no result, and All then returns the cancellation. Without
// functions there is nothing to wait for, and the result is empty.
//
// With a cancelled ctx nothing runs. When All returns, every function has
// ended; a panic of one is raised here then. It panics if ctx or one of fns is
// nil. It is asyncio.gather, with the joining of a TaskGroup.
func All[T any](ctx context.Context, fns ...func(ctx context.Context) (T, error)) ([]T, error) {
	check(ctx, "All", fns)
	if err := park.Check(ctx); err != nil {
		return nil, err
	}
	tasks := make([]*task.Task[T], len(fns))
	err := scope.Run(ctx, func(ctx context.Context) error {
		for i, fn := range fns {
			tasks[i] = task.Go(ctx, fn)
		}
		return nil
	}, scope.Name("all"))
	if err != nil {
		return nil, err
	}
	results := make([]T, len(fns))
	for i, t := range tasks {
		if results[i], err = t.Result(); err != nil { // it was cancelled, or did not begin
			return nil, err
		}
	}
	return results, nil
}

// check refuses what no function can be called with.
func check[T any](ctx context.Context, call string, fns []func(context.Context) (T, error)) {
	mustHave(ctx, call)
	for i, fn := range fns {
		if fn == nil {
			panic("wait: " + call + ": function number " + strconv.Itoa(i) + " is nil: pass the functions to run")
		}
	}
}
