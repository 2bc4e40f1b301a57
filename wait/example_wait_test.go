package wait_test

import (
	"context"
	"fmt"
	"time"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/wait"
)

// Tasks, futures and contexts are waited for together; what is not done by then
// goes on.
func ExampleWait() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		config := new(task.Future[string])
		cache := task.Go(ctx, func(context.Context) (int, error) { return 128, nil }, scope.Name("cache"))
		done, pending, err := wait.Wait(ctx, []task.Awaitable{config, cache}, wait.FirstCompleted)
		if err != nil {
			return err
		}
		fmt.Println(len(done), "done:", done[0] == cache)
		fmt.Println(len(pending), "pending:", pending[0] == config)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 done: true
	// 1 pending: true
	// <nil>
}

// A Condition is an option of Wait, and says when it returns.
func ExampleCondition() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		ok, broken, never := new(task.Future[int]), new(task.Future[int]), new(task.Future[int])
		_ = ok.SetResult(1)
		scope.Go(ctx, func(context.Context) error { return broken.SetError(fmt.Errorf("no route")) })
		done, _, err := wait.Wait(ctx, []*task.Future[int]{ok, broken, never}, wait.FirstException)
		for _, f := range done {
			fmt.Println(f.State())
		}
		return err
	})
	fmt.Println(err)
	// Output:
	// succeeded
	// failed
	// <nil>
}

// That the time is up is no error: what is not done is pending.
func ExampleTimeout() {
	never := new(task.Future[int])
	done, pending, err := wait.Wait(context.Background(), []*task.Future[int]{never}, wait.Timeout(time.Millisecond))
	fmt.Println(len(done), len(pending), err)
	// Output: 0 1 <nil>
}

// Options may be kept and passed on; of several of a kind the last counts.
func ExampleOption() {
	opts := []wait.Option{wait.FirstCompleted, wait.Timeout(time.Hour), nil}
	f := new(task.Future[int])
	_ = f.SetResult(1)
	done, _, err := wait.Wait(context.Background(), []*task.Future[int]{f, new(task.Future[int])}, opts...)
	fmt.Println(len(done), err)
	// Output: 1 <nil>
}

// The loop takes things as they end; leaving it early cancels nothing.
func ExampleAsCompleted() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		shards := make([]*task.Future[string], 3)
		for i := range shards {
			shards[i] = new(task.Future[string])
		}
		_ = shards[2].SetResult("two is quick")
		for i, shard := range wait.AsCompleted(ctx, shards) {
			v, err := shard.Result()
			fmt.Println(i, v, err)
			if i > 0 {
				_ = shards[i-1].SetResult("after " + v)
			}
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 2 two is quick <nil>
	// 1 after two is quick <nil>
	// 0 after after two is quick <nil>
	// <nil>
}
