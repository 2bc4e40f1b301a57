package wait

import (
	"context"
	"iter"
	"reflect"

	"github.com/corral-go/corral/scope"
)

// Map calls fn for each item of in, each call a task of a scope of their own,
// and returns the results in the order of the items. At most limit calls run at
// once; if limit is not positive, any number. The first failure cancels the
// rest, and the error is what [scope.Run] says of them: a *scope.Error with
// every failure. There are results, one for each item, or an error, never both.
//
// The sequence is gone through once, on the caller's goroutine, and no further
// than needed: an item is taken when a call may begin, and none after a failure
// or cancellation. So it may be infinite, or good for one pass only. But while
// it blocks it holds up Map: let it end with what may cancel it. A panic of it,
// or of fn, is raised here when every call has ended. A sequence that ends while
// ctx is cancelled has not come to its end: then Map returns the cancellation.
//
// opts shape the scope: its name, deadlines, and so on. Under [scope.Supervise]
// an item whose call has failed has the zero value in its place, and so has,
// under [scope.MoveOn], one that was not done in time. Tasks that fn spawns into
// the scope do not count for limit.
//
// With a cancelled ctx nothing is called. Map panics if ctx, in or fn is nil.
func Map[In, Out any](ctx context.Context, in iter.Seq[In], limit int, fn func(ctx context.Context, in In) (Out, error), opts ...scope.Option) ([]Out, error) {
	checkEach(ctx, "Map", in, fn == nil)
	m := &mapping[In, Out]{in: in, limit: limit, fn: fn, code: reflect.ValueOf(fn).Pointer()}
	return m.run(ctx, "map", opts)
}

// ForEach is [Map] for a fn without results; it keeps nothing of items that are
// done.
func ForEach[In any](ctx context.Context, in iter.Seq[In], limit int, fn func(ctx context.Context, in In) error, opts ...scope.Option) error {
	checkEach(ctx, "ForEach", in, fn == nil)
	m := &mapping[In, struct{}]{in: in, limit: limit, code: reflect.ValueOf(fn).Pointer()}
	m.fn = func(ctx context.Context, in In) (struct{}, error) { return struct{}{}, fn(ctx, in) }
	_, err := m.run(ctx, "foreach", opts)
	return err
}

func checkEach[In any](ctx context.Context, call string, in iter.Seq[In], noFn bool) {
	mustHave(ctx, call)
	if in == nil {
		panic("wait: " + call + " over a nil sequence: pass what to go through, slices.Values of a slice for one")
	}
	if noFn {
		panic("wait: " + call + " with a nil function: pass what to call for each item")
	}
}
