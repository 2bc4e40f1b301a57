package scope_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
)

// A program in which somebody holds a lock of the tree for good is dumped all
// the same: what is behind the lock is missing, and the dump says so. That it
// does not take long is in its way of trying, which this test has no clock for;
// it would hang if the dump waited.
func TestDumpOfWedgedProgram(t *testing.T) {
	dump := func(t *testing.T) string {
		var b bytes.Buffer
		require.NoError(t, monitor.Dump(&b))
		return b.String()
	}
	bubble(t, func(t *testing.T) {
		s := scope.New(scope.Name("main"))
		require.NoError(t, s.Run(bg, func(ctx context.Context) error {
			var in *scope.Scope
			outer := scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					in = scope.From(ctx)
					scope.Go(ctx, forever, scope.Name("hidden"))
					return nil
				}, scope.Name("in"))
			}, scope.Name("outer"))
			scope.Go(ctx, forever, scope.Name("beside"))
			synctest.Wait()
			require.Contains(t, dump(t), "hidden waiting sleep")

			release := scope.HoldScope(in)
			text := dump(t)
			release()
			require.Contains(t, text, "    scope in <locked>\n")
			require.Contains(t, text, "outer waiting scope.join")
			require.Contains(t, text, "beside waiting sleep")
			require.NotContains(t, text, "hidden")

			release = scope.HoldTask(outer)
			text = dump(t)
			release()
			require.Contains(t, text, "  outer waiting scope.join, 0s\n    <locked>\n")
			require.Contains(t, text, "beside waiting sleep")
			require.NotContains(t, text, "scope in")

			release = scope.HoldRoots()
			text = dump(t)
			release()
			require.Contains(t, text, "<locked>")
			require.NotContains(t, text, "outer")

			require.NotContains(t, dump(t), "<locked>", "and afterwards everything is there")
			s.Cancel(errWhy)
			return nil
		}))
	})
}

// A walk over many tasks lets go of the lock between chunks. Whatever ends or
// comes meanwhile, every task that is there all the time is seen, once.
func TestLookWhileTasksComeAndGo(t *testing.T) {
	const n = 20*scope.Chunk + 7
	for name, c := range map[string]struct {
		end  func(i, hold int) bool // whether task i (0 is the oldest) is ended before that hold
		come int                    // tasks that come before each hold
		most int                    // of those that may be seen
	}{
		"nothing":                      {end: func(int, int) bool { return false }},
		"new ones":                     {end: func(int, int) bool { return false }, come: 100},
		"oldest go":                    {end: func(i, hold int) bool { return hold == 2 && i < 300 }},
		"all seen go":                  {end: func(i, hold int) bool { return i >= n-(hold-1)*scope.Chunk && i < n-(hold-2)*scope.Chunk }},
		"all seen go, and others come": {end: func(i, hold int) bool { return hold == 3 && i >= n-2*scope.Chunk }, come: 10, most: 60},
		"every second":                 {end: func(i, hold int) bool { return hold == 2 && i%2 == 1 }},
		"last one seen":                {end: func(i, hold int) bool { return hold == 2 && i == n-scope.Chunk }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := scope.New()
				require.NoError(t, s.Run(bg, func(ctx context.Context) error {
					var all []*scope.Child
					for range n {
						all = append(all, scope.Go(ctx, forever))
					}
					synctest.Wait()
					hold := 0
					seen := scope.LookAt(s, func() {
						hold++
						for i, c2 := range all {
							if c.end(i, hold) {
								c2.Cancel(nil)
							}
						}
						synctest.Wait()
						if hold > 1 {
							for range c.come {
								scope.Go(ctx, forever)
							}
						}
					})
					require.Greater(t, hold, 3)
					require.IsIncreasing(t, seen, "oldest first, each once")
					require.LessOrEqual(t, len(seen), n+c.most)
					for _, one := range all {
						if one.State() == scope.Running {
							require.Contains(t, seen, one.ID())
						}
					}
					s.Cancel(errWhy)
					return nil
				}))
			})
		})
	}
}
