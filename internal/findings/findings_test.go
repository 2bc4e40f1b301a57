package findings_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// thing is a primitive that is never free, with a mark of our choice.
type thing struct {
	mu   sync.Mutex
	line park.Line
	mark park.Mark
}

func (x *thing) Awaited(park.Look) park.Mark { return x.mark }

func (x *thing) acquire(ctx context.Context) error {
	var t park.Ticket
	x.mu.Lock()
	return park.Wait(ctx, &x.mu, &x.line, &t, x)
}

// seen runs body in virtual time in a scope named main, lets d go by when all
// are parked, and returns what is seen then.
func seen(t *testing.T, d time.Duration, body func(ctx context.Context)) (v *findings.View) {
	t.Helper()
	testkit.Guard(t)
	synctest.Test(t, func(*testing.T) {
		s := scope.New(scope.Name("main"))
		require.NoError(t, s.Run(context.Background(), func(ctx context.Context) error {
			body(ctx)
			time.Sleep(d)
			synctest.Wait()
			v = findings.Look(true)
			s.Cancel(errors.New("seen"))
			return nil
		}))
	})
	return v
}

// kinds returns the kinds of what was found: the certain ones, and the others.
func kinds(v *findings.View) (certain, suspected []findings.Kind) {
	for _, f := range v.Findings {
		if f.Certain {
			certain = append(certain, f.Kind)
		} else {
			suspected = append(suspected, f.Kind)
		}
	}
	return certain, suspected
}

func holding(kind, name string, holders ...string) *thing {
	return &thing{mark: park.Mark{Kind: kind, Name: name, Holders: holders}}
}

func spawn(ctx context.Context, name string, x *thing) *scope.Child {
	return scope.Go(ctx, x.acquire, scope.Name(name))
}

// Holders that are known by their path alone make a certain deadlock if there is
// exactly one of each path, and only for what has one owner.
func TestDeadlockByPath(t *testing.T) {
	for name, c := range map[string]struct {
		kind  string
		twins bool
		more  []string
		want  []findings.Kind
	}{
		"two locks":            {kind: "lock.acquire", want: []findings.Kind{findings.Deadlock}},
		"two keys":             {kind: "resource.acquire", want: []findings.Kind{findings.Deadlock}},
		"somebody of one name": {kind: "lock.acquire", twins: true},
		"semaphores":           {kind: "semaphore.acquire"},
		"several holders":      {kind: "lock.acquire", more: []string{"main/c"}},
		"queues":               {kind: "queue.get"},
	} {
		t.Run(name, func(t *testing.T) {
			v := seen(t, time.Minute, func(ctx context.Context) {
				spawn(ctx, "a", holding(c.kind, "x", append([]string{"main/b"}, c.more...)...))
				spawn(ctx, "b", holding(c.kind, "y", append([]string{"main/a"}, c.more...)...))
				if c.twins {
					scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, scope.Name("a"))
				}
			})
			certain, _ := kinds(v)
			require.Equal(t, c.want, certain)
		})
	}
	v := seen(t, time.Minute, func(ctx context.Context) {
		spawn(ctx, "a", holding("lock.acquire", "x", "main/b"))
		spawn(ctx, "b", holding("lock.acquire", "y", "main/a"))
	})
	require.Equal(t, `main/a waits in lock.acquire "x" for main/b; main/b waits in lock.acquire "y" for main/a`, v.Findings[0].Text)
	require.Len(t, v.Findings[0].IDs, 2)
}

// A lock may be owned by a scope, whose body runs on a task's, or the root's,
// line of execution.
func TestDeadlockThroughBody(t *testing.T) {
	v := seen(t, time.Minute, func(ctx context.Context) {
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, holding("lock.acquire", "y", "main/b").acquire, scope.Name("in"))
		}, scope.Name("a"))
		spawn(ctx, "b", holding("lock.acquire", "x", "main/a/in"))
	})
	certain, _ := kinds(v)
	require.Equal(t, []findings.Kind{findings.Deadlock}, certain)
	require.Contains(t, v.Findings[0].Text, `main/b waits in lock.acquire "x" for main/a`)
}

// A long cycle is told once, with its size, and those behind it are not in it.
func TestLongCycle(t *testing.T) {
	const n = 30
	v := seen(t, time.Minute, func(ctx context.Context) {
		ready := make(chan struct{})
		all := make([]*scope.Child, n)
		for i := range all {
			all[i] = scope.Go(ctx, func(ctx context.Context) error { <-ready; return all[(i+1)%n].Wait(ctx) }, scope.Name("t"))
		}
		for range 5 {
			scope.Go(ctx, func(ctx context.Context) error { <-ready; return all[0].Wait(ctx) }, scope.Name("behind"))
		}
		close(ready)
	})
	certain, _ := kinds(v)
	require.Equal(t, []findings.Kind{findings.Deadlock}, certain)
	require.Contains(t, v.Findings[0].Text, "and so on, 30 tasks in all")
	require.NotContains(t, v.Findings[0].Text, "behind")
}

// What only looks bad is a suspicion: each of these, and nothing certain.
func TestSuspicions(t *testing.T) {
	for name, c := range map[string]struct {
		body func(ctx context.Context)
		d    time.Duration
		want []findings.Kind
	}{
		"a slow queue": {body: func(ctx context.Context) {
			scope.Go(ctx, func(ctx context.Context) error { _, err := new(csync.Queue[int]).Get(ctx); return err })
		}, d: time.Hour},
		"a lock held over a queue": {body: func(ctx context.Context) {
			spawn(ctx, "a", holding("lock.acquire", "x", "main/b"))
			scope.Go(ctx, func(ctx context.Context) error { _, err := new(csync.Queue[int]).Get(ctx); return err }, scope.Name("b"))
		}, d: time.Second, want: []findings.Kind{findings.LockOverQueue}},
		"a shield": {body: func(ctx context.Context) {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					_, err := scope.Blocking(ctx, func() (int, error) { time.Sleep(time.Minute); return 0, nil })
					return err
				}, scope.Shield())
			})
		}, d: 11 * time.Second, want: []findings.Kind{findings.LongShield}},
		"a short shield": {body: func(ctx context.Context) {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error { time.Sleep(time.Minute); return nil }, scope.Shield())
			})
		}, d: 9 * time.Second},
		"cancelled by itself": {body: func(ctx context.Context) {
			c := scope.Go(ctx, func(context.Context) error { time.Sleep(time.Minute); return nil })
			synctest.Wait()
			c.Cancel(nil)
		}, d: 2 * time.Second, want: []findings.Kind{findings.Lingering}},
		"cancelled just now": {body: func(ctx context.Context) {
			c := scope.Go(ctx, func(context.Context) error { time.Sleep(time.Minute); return nil })
			synctest.Wait()
			c.Cancel(nil)
		}, d: time.Second / 2},
		"a queue that was full just now": {body: func(ctx context.Context) {
			q := csync.NewQueue[int](1)
			scope.Go(ctx, func(ctx context.Context) error { _ = q.Put(ctx, 1); return q.Put(ctx, 2) })
		}, d: time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			certain, suspected := kinds(seen(t, c.d, c.body))
			require.Empty(t, certain)
			require.Equal(t, c.want, suspected)
		})
	}
}

// Siblings that look alike are one, however many and whatever is in them; those
// that differ in anything that shows are not.
func TestGroups(t *testing.T) {
	v := seen(t, time.Second, func(ctx context.Context) {
		for i := range 1000 {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					for range 1 + i%2 {
						scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, scope.Name("leaf"))
					}
					return scope.Sleep(ctx, time.Hour)
				}, scope.Name("in"))
			}, scope.Name("handler"))
		}
	})
	require.Equal(t, 1001, v.Scopes)
	require.Equal(t, 2500, v.Tasks)
	main := v.Roots[0]
	require.Len(t, main.Tasks, 2)
	for i, k := range main.Tasks {
		require.Equal(t, 500, k.Count)
		require.Equal(t, "main/handler", k.Path)
		require.Len(t, k.Scopes, 1)
		require.Equal(t, i+1, k.Scopes[0].Tasks[0].Count)
	}
}

// Nothing is certain that is about to end: tasks wait for one another, and for
// futures whose makers end, and all of it comes true in the next moment.
func TestNothingCertainInABusyProgram(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, scope.Run(context.Background(), func(ctx context.Context) error {
		watch := scope.Go(ctx, func(ctx context.Context) error {
			for {
				for _, f := range findings.Look(true).Findings {
					if f.Certain {
						t.Errorf("certain: %s", f.Text)
					}
				}
				if err := scope.Checkpoint(ctx); err != nil {
					return err
				}
			}
		}, scope.Background())
		for range 2000 {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					made := make(chan *task.Future[int], 1)
					a := scope.Go(ctx, func(ctx context.Context) error {
						f := task.NewFuture[int](ctx)
						made <- f
						if err := scope.Checkpoint(ctx); err != nil {
							return err
						}
						return f.SetResult(1)
					})
					b := scope.Go(ctx, func(ctx context.Context) error { _, err := (<-made).Wait(ctx); return err })
					_ = a.Wait(ctx)
					return b.Wait(ctx)
				})
			}).Wait(ctx)
		}
		watch.Cancel(nil)
		return nil
	}))
}

// Names are shown as they are if that is safe.
func TestQuote(t *testing.T) {
	testkit.Guard(t)
	for in, want := range map[string]string{
		"":               `""`,
		"svc/a.func1":    "svc/a.func1",
		"a b":            `"a b"`,
		"\x1b[31m":       `"\x1b[31m"`,
		"\xff":           `"\xff"`,
		"a\u202eb":       `"a\u202eb"`,
		`say "hi"`:       `"say \"hi\""`,
		"größe":          "größe",
		"a/…/b":          "a/…/b",
		"x\u0000y":       `"x\x00y"`,
		"(certain) none": `"(certain) none"`,
	} {
		require.Equal(t, want, findings.Quote(in))
	}
	long := findings.Quote(string(make([]byte, 0)) + repeat("é", 400))
	require.LessOrEqual(t, len(long), 520)
	require.Equal(t, "é…", long[len(long)-len("é…"):], "cut between characters")
}

func repeat(s string, n int) string {
	out := ""
	for range n {
		out += s
	}
	return out
}
