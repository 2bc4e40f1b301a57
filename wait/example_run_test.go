package wait_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/wait"
)

// mirror answers when d is over.
func mirror(name string, d time.Duration, err error) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if err := scope.Sleep(ctx, d); err != nil {
			return "", err
		}
		return name, err
	}
}

// All takes every result, in the order of the functions.
func ExampleAll() {
	names, err := wait.All(context.Background(),
		mirror("first", 2*time.Millisecond, nil),
		mirror("second", time.Millisecond, nil))
	fmt.Println(names, err)

	full := errors.New("disk full")
	_, err = wait.All(context.Background(), // the first error cancels the rest
		mirror("slow", time.Hour, nil),
		mirror("broken", time.Millisecond, full))
	fmt.Println(errors.Is(err, full))
	// Output:
	// [first second] <nil>
	// true
}

// Any takes the first success; failures count only if all fail.
func ExampleAny() {
	name, err := wait.Any(context.Background(),
		mirror("broken", 0, errors.New("refused")),
		mirror("quick", time.Millisecond, nil),
		mirror("slow", time.Hour, nil))
	fmt.Println(name, err)

	refused, gone := errors.New("refused"), errors.New("gone")
	_, err = wait.Any(context.Background(), mirror("a", 0, refused), mirror("b", 0, gone))
	fmt.Println(errors.Is(err, refused), errors.Is(err, gone))
	// Output:
	// quick <nil>
	// true true
}

// Race takes what comes first, and has joined the losers when it returns.
func ExampleRace() {
	begun := make(chan struct{})
	loser := func(ctx context.Context) (string, error) {
		close(begun)
		<-ctx.Done()
		fmt.Println("the loser cleans up:", scope.CauseOf(ctx).Kind)
		return "", scope.CauseOf(ctx)
	}
	name, err := wait.Race(context.Background(), loser, func(context.Context) (string, error) {
		<-begun
		return "quick", nil
	})
	fmt.Println(name, err)
	// Output:
	// the loser cleans up: race-lost
	// quick <nil>
}

// Map calls a function for each item, at most so many at once, and keeps the
// order.
func ExampleMap() {
	lengths, err := wait.Map(context.Background(), slices.Values([]string{"scope", "task", "wait"}), 2,
		func(_ context.Context, word string) (int, error) { return len(word), nil })
	fmt.Println(lengths, err)
	// Output: [5 4 4] <nil>
}

// ForEach stops at the first failure; a sequence may have no end.
func ExampleForEach() {
	numbers := func(yield func(int) bool) {
		for n := 1; yield(n); n++ {
		}
	}
	enough := errors.New("three is enough")
	err := wait.ForEach(context.Background(), numbers, 1, func(_ context.Context, n int) error {
		if n == 3 {
			return enough
		}
		fmt.Println(n)
		return nil
	}, scope.Name("count"))
	fmt.Println(errors.Is(err, enough))
	// Output:
	// 1
	// 2
	// true
}
