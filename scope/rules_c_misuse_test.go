package scope_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// tkMessage is what the panic of f says.
func tkMessage(t *testing.T, f func()) string {
	t.Helper()
	v := tkRecover(f)
	require.NotNil(t, v, "it does not panic")
	text := fmt.Sprint(v)
	require.True(t, strings.HasPrefix(text, "scope: "), text)
	return text
}

// R46: a nil ctx.
func TestR46_NilCtx(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	require.Contains(t, tkMessage(t, func() { scope.Go(none, tkNothing) }), "ctx")
}

// R46: a nil ctx is a mistake also when In says which scope.
func TestR46_NilCtxWithIn(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var none context.Context
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(context.Context) error {
			tkMessage(t, func() { scope.Go(none, tkNothing, scope.In(s)) })
			return nil
		}))
	})
}

// R46: a nil function.
func TestR46_NilFunction(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			require.Contains(t, tkMessage(t, func() { scope.Go(ctx, nil) }), "function")
			return nil
		}))
	})
}

// R46: a ctx without a scope: ErrNoScope, which says what to do.
func TestR46_NoScope(t *testing.T) {
	testkit.Guard(t)
	for _, opts := range [][]scope.TaskOption{nil, {scope.Name("x")}, {scope.In(nil)}, {nil}} {
		v := tkRecover(func() { scope.Go(tkBg, tkNever(t), opts...) })
		err, ok := v.(error)
		require.True(t, ok, "an error, not %v", v)
		require.True(t, errors.Is(err, scope.ErrNoScope))
		require.Contains(t, err.Error(), "scope.Run")
		require.Contains(t, err.Error(), "In")
	}
}

// R46: with In a ctx without a scope will do.
func TestR46_InIsEnough(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ran := false
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(context.Context) error {
			scope.Go(tkBg, func(ctx context.Context) error {
				require.Same(t, s, scope.From(ctx))
				ran = true
				return nil
			}, scope.In(s))
			return nil
		}))
		require.True(t, ran)
	})
}

// R46, R90: after such a panic nothing is left in the scope: it ends.
func TestR46_NothingLeft(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Limit(1))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			var none context.Context
			tkRecover(func() { scope.Go(none, tkNothing, scope.In(s)) })
			tkRecover(func() { scope.Go(ctx, nil) })
			require.Empty(t, s.Snapshot().Tasks)
			return scope.Go(ctx, tkNothing).Wait(ctx)
		}))
	})
}

func tkTopLevel(context.Context) error { return nil }

type tkWorker struct{}

func (tkWorker) work(context.Context) error { return nil }

func (*tkWorker) toil(context.Context) error { return nil }

// R48: a given name.
func TestR48_Given(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Name("s"))
		require.Equal(t, "s", s.Name())
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			require.Equal(t, "s", s.Name())
			require.Equal(t, "c", scope.Go(ctx, tkNothing, scope.Name("c")).Name())
			return nil
		}))
	})
}

// R48: without one it is the function's, without its package.
func TestR48_Derived(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		require.Equal(t, "tkTopLevel", scope.Go(ctx, tkTopLevel).Name())
		require.Equal(t, "tkTopLevel", scope.Go(ctx, tkTopLevel, scope.Name("")).Name())
		require.Equal(t, "tkWorker.work", scope.Go(ctx, tkWorker{}.work).Name())
		require.Equal(t, "tkWorker.toil", scope.Go(ctx, new(tkWorker).toil).Name())
		return nil
	}))
}

// R48: so for closures.
func TestR48_Closure(t *testing.T) {
	testkit.Guard(t)
	fn := func(context.Context) error { return nil }
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		require.Equal(t, "TestR48_Closure.func1", scope.Go(ctx, fn).Name())
		return nil
	}))
}

// R48: and for scopes, which take it from the body.
func TestR48_DerivedForScope(t *testing.T) {
	testkit.Guard(t)
	body := func(ctx context.Context) error {
		require.Equal(t, "TestR48_DerivedForScope.func1", scope.From(ctx).Name())
		require.Equal(t, "TestR48_DerivedForScope.func1", scope.From(ctx).Path())
		return nil
	}
	require.NoError(t, scope.Run(tkBg, body))
}

// R48: a name is fixed at creation: pending, running, done and refused.
func TestR48_Fixed(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		s := scope.New(scope.Limit(1))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				c = scope.Go(ctx, func(ctx context.Context) error {
					require.Equal(t, "c", scope.TaskFrom(ctx).Name())
					return nil
				}, scope.Name("c"))
				require.Equal(t, "c", c.Name())
				return nil
			})
			return nil
		}))
		require.Equal(t, "c", c.Name())
		require.Equal(t, "late", scope.Go(tkBg, tkNothing, scope.In(s), scope.Name("late")).Name())
		require.Equal(t, "tkTopLevel", scope.Go(tkBg, tkTopLevel, scope.In(s)).Name())
	})
}

// R48: paths join names with "/": scopes below the body or task they are
// opened in, tasks below their scope.
func TestR48_Paths(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		outer, inner, deep := scope.New(scope.Name("outer")), scope.New(scope.Name("inner")), scope.New(scope.Name("deep"))
		require.NoError(t, outer.Run(tkBg, func(ctx context.Context) error {
			require.Equal(t, "outer", outer.Path())
			return inner.Run(ctx, func(ctx context.Context) error {
				require.Equal(t, "outer/inner", inner.Path())
				scope.Go(ctx, func(ctx context.Context) error {
					return deep.Run(ctx, func(ctx context.Context) error {
						require.Equal(t, "outer/inner/t/deep", deep.Path())
						snap := inner.Snapshot()
						require.Equal(t, "outer/inner", snap.Path)
						require.Equal(t, "outer/inner/t", snap.Tasks[0].Path)
						require.Equal(t, "t", snap.Tasks[0].Name)
						require.Equal(t, "outer/inner/t/deep", snap.Tasks[0].Scopes[0].Path)
						return nil
					})
				}, scope.Name("t"))
				return nil
			})
		}))
		require.Equal(t, "outer/inner/t/deep", deep.Path())
	})
}

// R48, R21: a task that is spawned into an outer scope is named below that.
func TestR48_PathOfTaskInOuterScope(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		outer := scope.New(scope.Name("outer"))
		err := outer.Run(tkBg, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, tkFail(tkErrA), scope.In(outer), scope.Name("t"))
				return tkForever(ctx)
			}, scope.Name("inner"))
		})
		require.Equal(t, "outer/t", tkScopeError(t, err).Failures[0].Task)
	})
}

// R48: ids are of the process: no two tasks share one.
func TestR48_IDs(t *testing.T) {
	testkit.Guard(t)
	seen := map[uint64]bool{}
	for range 3 {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			for range 5 {
				id := scope.Go(ctx, tkNothing).ID()
				require.False(t, seen[id])
				seen[id] = true
			}
			return nil
		}))
	}
}
