package scope_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

// A nesting is a way to put scopes into each other.
type nesting struct {
	name     string
	options  func() scope.Option // of each scope
	derive   bool                // each is opened with a context of its own
	inTask   bool                // each is opened in a task of the one before
	taskTime scope.TaskOption    // of that
	unshield bool
}

var nestings = []nesting{
	{name: "plain"},
	{name: "tasks", inTask: true},
	{name: "movable", options: func() scope.Option { return scope.MovableDeadline(time.Time{}) }},
	{name: "movable hour", options: func() scope.Option { return scope.MovableDeadline(time.Now().Add(time.Hour)) }},
	{name: "timeout", options: func() scope.Option { return scope.Timeout(time.Hour) }},
	{name: "timeout tasks", options: func() scope.Option { return scope.Timeout(time.Hour) }, inTask: true},
	{name: "tasks with timeouts", inTask: true, taskTime: scope.Timeout(time.Hour)},
	{name: "derived", derive: true},
	{name: "derived tasks", derive: true, inTask: true},
	{name: "shield", options: scope.Shield},
	{name: "unshield", options: scope.Shield, unshield: true},
}

// run opens n scopes, each inside the one before, and calls bottom with all of
// them, the outermost first, in the innermost.
func (g nesting) run(ctx context.Context, n int, around []*scope.Scope, bottom func(context.Context, []*scope.Scope) error) error {
	if s := scope.From(ctx); s != nil && len(around) > 0 {
		around[len(around)-1] = s
	}
	if n == 0 {
		return bottom(ctx, around)
	}
	if g.derive {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx = derived
	}
	var options []scope.Option
	if g.options != nil {
		options = append(options, g.options())
	}
	return scope.Run(ctx, func(ctx context.Context) error {
		if g.unshield {
			_ = scope.From(ctx).Unshield()
		}
		next := func(ctx context.Context) error { return g.run(ctx, n-1, append(around, nil), bottom) }
		if g.inTask {
			return scope.Go(ctx, next, g.taskTime).Wait(ctx)
		}
		return next(ctx)
	}, options...)
}

// endings are how what is nested comes to its end.
var endings = []struct {
	name   string
	bottom func(ctx context.Context, around []*scope.Scope, cancel func()) error
}{
	{"return", func(context.Context, []*scope.Scope, func()) error { return nil }},
	{"failure", func(context.Context, []*scope.Scope, func()) error { return errBoom }},
	{"panic", func(context.Context, []*scope.Scope, func()) error { panic("at the bottom") }},
	{"cancel", func(ctx context.Context, around []*scope.Scope, _ func()) error {
		around[0].Cancel(errWhy)
		return nap(ctx)
	}},
	{"cancel around", func(ctx context.Context, _ []*scope.Scope, cancel func()) error {
		cancel()
		return nap(ctx)
	}},
	{"cancel inwards", func(ctx context.Context, around []*scope.Scope, _ func()) error {
		for _, s := range around {
			s.Cancel(errWhy)
		}
		return nap(ctx)
	}},
	{"cancel outwards", func(ctx context.Context, around []*scope.Scope, _ func()) error {
		for i := range around {
			around[len(around)-1-i].Cancel(errWhy)
		}
		return nap(ctx)
	}},
	{"deadline", func(ctx context.Context, _ []*scope.Scope, _ func()) error { return scope.Sleep(ctx, 2*time.Hour) }},
}

// nap ends in time also behind a shield.
var nap = sleep(time.Second)

// stepsIn counts what a bubble does inside this module while f runs: each lock
// that it takes, each that it lets go, each wake-up.
func stepsIn(t *testing.T, f func()) int64 {
	var steps atomic.Int64
	bubble(t, func(*testing.T) {
		park.SetSchedule(func() { steps.Add(1) })
		defer park.SetSchedule(nil)
		f()
	})
	return steps.Load()
}

// R26: nested scopes work, end and are cancelled in linear time, however they are
// nested and whatever ends them: as many steps for each of many as for each of a
// few, where one more look at everything around, or inside, would be hundreds.
func TestDepthIsLinear(t *testing.T) {
	invariant.Untraced(t)
	const depth, each = 300, 120
	for _, g := range nestings {
		for _, e := range endings {
			t.Run(g.name+"/"+e.name, func(t *testing.T) {
				nested := func() {
					ctx, cancel := context.WithCancel(bg)
					defer cancel()
					defer func() { _ = recover() }()
					_ = g.run(ctx, depth, nil, func(ctx context.Context, around []*scope.Scope) error {
						return e.bottom(ctx, around, cancel)
					})
				}
				// Several that go through the tree at once may each begin before
				// another has told what it was through: by bad luck, not always.
				steps := stepsIn(t, nested)
				for try := 0; try < 4 && steps/depth >= each; try++ {
					steps = min(steps, stepsIn(t, nested))
				}
				t.Logf("%d steps for each scope", steps/depth)
				require.Less(t, steps/depth, int64(each))
			})
		}
	}
}

// R11, R21: a scope that was opened with a ctx that cancellation does not come
// through is left out, with what is in it; what is around it is told. Cancel does
// not wait.
func TestCancelAroundADetachedScope(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scope.New()
		ran := false
		require.NoError(t, s.Run(bg, func(ctx context.Context) error {
			waiting := scope.Go(ctx, forever)
			err := scope.Run(context.WithoutCancel(ctx), func(apart context.Context) error {
				return scope.Run(apart, func(inner context.Context) error {
					s.Cancel(errWhy)
					require.ErrorIs(t, waiting.Wait(inner), errWhy)
					ran = true
					return scope.Sleep(inner, time.Second)
				})
			})
			require.NoError(t, err)
			return nil
		}))
		require.True(t, ran)
	})
}
