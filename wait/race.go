package wait

import (
	"context"

	"github.com/corral-go/corral/internal/park"
)

// Race runs the functions as tasks of a scope of their own. The first that ends
// decides, with a value or with an error, which is returned as it is. The rest
// are cancelled, with kind race-lost and in the name of the first, and joined:
// what they return then, value or error, does not count. A panic always does,
// whoever's it is: it is raised here when every function has ended.
//
// If ctx is cancelled, Race returns that, unless a function has ended by itself
// all the same; if it was cancelled before, nothing runs. Without functions it
// returns [ErrNothingToWait]. It panics if ctx or one of fns is nil. It is
// Promise.race, with its losers cancelled and joined.
func Race[T any](ctx context.Context, fns ...func(ctx context.Context) (T, error)) (v T, err error) {
	return compete(ctx, "Race", fns, &contest[T]{kind: "race", errorWins: true})
}

// Any runs the functions as tasks of a scope of their own, and returns the
// first value that one of them gets. The rest are cancelled, with kind
// race-lost and in the name of that one, and joined. Failures do not count,
// unless all have failed: then the error is a *scope.Error with the failure of
// each, in the order of fns. A panic always counts: it cancels the rest and is
// raised here when every function has ended.
//
// If ctx is cancelled, Any returns that, unless a function has got a value all
// the same; if it was cancelled before, nothing runs. Without functions it
// returns [ErrNothingToWait]. It panics if ctx or one of fns is nil. It is
// Promise.any, with its losers cancelled and joined.
func Any[T any](ctx context.Context, fns ...func(ctx context.Context) (T, error)) (v T, err error) {
	return compete(ctx, "Any", fns, &contest[T]{kind: "any"})
}

func compete[T any](ctx context.Context, call string, fns []func(context.Context) (T, error), k *contest[T]) (v T, err error) {
	check(ctx, call, fns)
	if err := park.Check(ctx); err != nil {
		return v, err
	}
	if len(fns) == 0 {
		return v, ErrNothingToWait
	}
	return k.run(ctx, fns)
}
