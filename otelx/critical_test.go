package otelx_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// path returns the critical path of a span, and who has the largest share.
func path(s sdktrace.ReadOnlySpan) (entries []string, most string) {
	v, _ := value(s.Attributes(), "corral.critical.path")
	return v.AsStringSlice(), text(s, "corral.critical.task")
}

// length adds a path up.
func length(t *testing.T, entries []string) (sum time.Duration) {
	t.Helper()
	for _, e := range entries {
		at := strings.LastIndexByte(e, '=')
		whole, frac, ok := strings.Cut(e[at+1:], ".")
		require.True(t, ok && len(frac) == 9, e)
		s, err := strconv.ParseInt(whole, 10, 64)
		require.NoError(t, err)
		ns, err := strconv.ParseInt(frac, 10, 64)
		require.NoError(t, err)
		sum += time.Duration(s)*time.Second + time.Duration(ns)
	}
	return sum
}

// Known schedules in virtual time: the path is exact, also where the longest
// span, or the one that overlaps most, would suggest another.
func TestCriticalPath(t *testing.T) {
	testkit.Guard(t)
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		body func(ctx context.Context) error
		opts []scope.Option
		want string
		most string
	}{
		{"the body alone", sleep(3 * ms), nil, "s=0.003000000", "s"},
		{"the slowest task", func(ctx context.Context) error {
			scope.Go(ctx, sleep(2*ms), scope.Name("a"))
			scope.Go(ctx, sleep(5*ms), scope.Name("b"))
			return scope.Sleep(ctx, 3*ms)
		}, nil, "b=0.005000000", "b"},
		{"the body until it spawns", func(ctx context.Context) error {
			_ = scope.Sleep(ctx, 2*ms)
			scope.Go(ctx, sleep(3*ms), scope.Name("a"))
			return nil
		}, nil, "s=0.002000000 a=0.003000000", "a"},
		{"the body goes on after a wait", func(ctx context.Context) error {
			a := scope.Go(ctx, sleep(3*ms), scope.Name("a"))
			_ = a.Wait(ctx)
			return scope.Sleep(ctx, 2*ms)
		}, nil, "a=0.003000000 s=0.002000000", "a"},
		{"a wait for what is done is none", func(ctx context.Context) error {
			a := scope.Go(ctx, sleep(1*ms), scope.Name("a"))
			_ = scope.Sleep(ctx, 2*ms)
			return a.Wait(ctx)
		}, nil, "s=0.002000000", "s"},
		{"through a queue, against the longest span", func(ctx context.Context) error {
			q := csync.NewQueue[int](0, csync.Name("jobs"))
			scope.Go(ctx, func(ctx context.Context) error { // open for longest, and late only at the end
				_, err := q.Get(ctx)
				_ = scope.Sleep(ctx, 1*ms)
				return err
			}, scope.Name("consumer"))
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, 7*ms)
				return q.Put(ctx, 1)
			}, scope.Name("producer"))
			scope.Go(ctx, sleep(7*ms+ms/2), scope.Name("bystander"))
			return nil
		}, nil, "producer=0.007000000 consumer=0.001000000", "producer"},
		{"a full queue", func(ctx context.Context) error {
			q := csync.NewQueue[int](1, csync.Name("jobs"))
			scope.Go(ctx, func(ctx context.Context) error {
				for i := range 2 {
					_ = q.Put(ctx, i)
				}
				return scope.Sleep(ctx, 5*ms)
			}, scope.Name("producer"))
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, 4*ms)
				_, err := q.Get(ctx)
				return err
			}, scope.Name("consumer"))
			return nil
		}, nil, "consumer=0.004000000 producer=0.005000000", "producer"},
		{"there and back", func(ctx context.Context) error {
			to, from := csync.NewQueue[int](0), csync.NewQueue[int](0)
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, 1*ms)
				_ = to.Put(ctx, 1)
				_, _ = from.Get(ctx)
				return scope.Sleep(ctx, 3*ms)
			}, scope.Name("client"))
			scope.Go(ctx, func(ctx context.Context) error {
				_, _ = to.Get(ctx)
				_ = scope.Sleep(ctx, 2*ms)
				return from.Put(ctx, 1)
			}, scope.Name("server"))
			return nil
		}, nil, "client=0.001000000 server=0.002000000 client=0.003000000", "client"},
		{"tasks that spawn tasks", func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, 1*ms)
				scope.Go(ctx, sleep(4*ms), scope.Name("child"))
				return scope.Sleep(ctx, 2*ms)
			}, scope.Name("parent"))
			return nil
		}, nil, "parent=0.001000000 child=0.004000000", "child"},
		{"turns of a limit", func(ctx context.Context) error {
			scope.Go(ctx, sleep(1*ms), scope.Name("a"))
			scope.Go(ctx, sleep(2*ms), scope.Name("b"))
			scope.Go(ctx, sleep(3*ms), scope.Name("c"))
			return nil
		}, []scope.Option{scope.Limit(1)}, "a=0.001000000 b=0.002000000 c=0.003000000", "c"},
		{"who was cancelled went on for who failed", func(ctx context.Context) error {
			scope.Go(ctx, failAfter(2*ms, errBoom), scope.Name("bad"))
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, time.Hour)
				return scope.Shielded(ctx, time.Hour, sleep(1*ms))
			}, scope.Name("sibling"))
			return nil
		}, nil, "bad=0.002000000 sibling=0.001000000", "bad"},
		{"nobody knows who closed the queue", func(ctx context.Context) error {
			q := csync.NewQueue[int](0, csync.Name("jobs"))
			c := scope.Go(ctx, func(ctx context.Context) error {
				_, _ = q.Get(ctx)
				return scope.Sleep(ctx, 1*ms)
			}, scope.Name("consumer"))
			_ = scope.Sleep(ctx, 2*ms)
			q.Close()
			return c.Wait(ctx)
		}, nil, "queue.get jobs=0.002000000 consumer=0.001000000", "consumer"},
		{"what is announced", func(ctx context.Context) error {
			server := task.Start(ctx, func(ctx context.Context, started func(int) error) (int, error) {
				_ = scope.Sleep(ctx, 2*ms)
				_ = started(1)
				return 0, scope.Sleep(ctx, 1*ms)
			}, scope.Name("server"))
			_, _ = server.WaitStarted(ctx)
			return scope.Sleep(ctx, 5*ms)
		}, nil, "server=0.002000000 s=0.005000000", "s"},
		{"the first of several", func(ctx context.Context) error {
			a := scope.Go(ctx, sleep(2*ms), scope.Name("a"))
			b := scope.Go(ctx, sleep(3*ms), scope.Name("b"))
			_, _, _ = wait.Wait(ctx, []*scope.Child{b, a}, wait.FirstCompleted)
			return scope.Sleep(ctx, 4*ms)
		}, nil, "a=0.002000000 s=0.004000000", "s"},
		{"a race", func(ctx context.Context) error {
			_, _ = wait.Race(ctx, hare, tortoise)
			return scope.Sleep(ctx, 1*ms)
		}, nil, "hare=0.002000000 s=0.001000000", "hare"},
		{"turns of a map", func(ctx context.Context) error {
			return wait.ForEach(ctx, slices.Values([]time.Duration{3 * ms, 1 * ms, 4 * ms}), 2, doze)
		}, nil, "doze=0.005000000", "doze"},
		{"who holds the lock", func(ctx context.Context) error {
			l := csync.NewLock(csync.Name("l"))
			hold := func(before, held time.Duration) func(context.Context) error {
				return func(ctx context.Context) error {
					_ = scope.Sleep(ctx, before)
					_ = l.Acquire(ctx)
					_ = scope.Sleep(ctx, held)
					return l.Release(ctx)
				}
			}
			scope.Go(ctx, hold(0, 4*ms), scope.Name("holder"))
			scope.Go(ctx, hold(1*ms, 2*ms), scope.Name("second"))
			scope.Go(ctx, hold(2*ms, 1*ms), scope.Name("third"))
			return nil
		}, nil, "holder=0.004000000 second=0.002000000 third=0.001000000", "holder"},
		{"nobody knows who set the event", func(ctx context.Context) error {
			e := csync.NewEvent(csync.Name("ready"))
			scope.Go(ctx, func(ctx context.Context) error {
				_ = e.Wait(ctx)
				return scope.Sleep(ctx, 1*ms)
			}, scope.Name("waiter"))
			_ = scope.Sleep(ctx, 2*ms)
			e.Set()
			return nil
		}, nil, "event.wait ready=0.002000000 waiter=0.001000000", "waiter"},
		{"an inner scope", func(ctx context.Context) error {
			_ = scope.Sleep(ctx, 1*ms)
			_ = scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, sleep(2*ms), scope.Name("a"))
				return nil
			}, scope.Name("inner"))
			return scope.Sleep(ctx, 1*ms)
		}, nil, "s=0.001000000 a=0.002000000 s=0.001000000", "s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, r := record(t, false)
				_ = scope.Run(ctx, c.body, append(c.opts, scope.Name("s"))...)
				s := r.one("scope s")
				entries, most := path(s)
				require.Equal(t, c.want, strings.Join(entries, " "))
				require.Equal(t, c.most, most)
				require.Equal(t, s.EndTime().Sub(s.StartTime()), length(t, entries))
			})
		})
	}
}

// The path of an inner scope covers its own time only.
func TestCriticalPathOfAnInnerScope(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](0)
			scope.Go(ctx, func(ctx context.Context) error { // has run for long when it is needed
				_ = scope.Sleep(ctx, 10)
				return q.Put(ctx, 1)
			}, scope.Name("old"))
			_ = scope.Sleep(ctx, 7)
			return scope.Run(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, 1)
				_, err := q.Get(ctx)
				return err
			}, scope.Name("inner"))
		}, scope.Name("s"))
		entries, _ := path(r.one("scope inner"))
		require.Equal(t, []string{"old=0.000000003"}, entries)
	})
}

// Against an oracle that walks back through what it knows of the schedule:
// tasks that sleep, and wait for earlier ones, at random.
func TestCriticalPathOfRandomSchedules(t *testing.T) {
	testkit.Guard(t)
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, r := record(t, false)
				plan := newPlan(seed)
				_ = scope.Run(ctx, plan.run, scope.Name("body"))
				entries, _ := path(r.one("scope body"))
				want := plan.path()
				if len(want) <= 10 {
					require.Equal(t, want, entries)
				}
				require.Equal(t, plan.end, length(t, entries))
			})
		})
	}
}

// Waits of which nobody knows who ended them, and tasks of one name, are added
// up, too.
func TestLongPathOfManyTasks(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			for range 1000 {
				q := csync.NewQueue[int](0, csync.Name("q"))
				_ = scope.Go(ctx, sleep(2), scope.Name("worker")).Wait(ctx)
				c := scope.Go(ctx, func(ctx context.Context) error { _, _ = q.Get(ctx); return nil }, scope.Name("consumer"))
				time.Sleep(1)
				q.Close()
				_ = c.Wait(ctx)
			}
			return nil
		}, scope.Name("s"))
		entries, most := path(r.one("scope s"))
		require.Equal(t, time.Duration(3000), length(t, entries))
		require.Equal(t, "worker", most)
		require.Contains(t, entries, "worker=0.000002000")
		require.LessOrEqual(t, len(entries), 4)
	})
}

// plan is what each task does, one thing after the other; the body spawns them
// in turn.
type plan struct {
	gaps  []time.Duration // before each spawn
	tasks [][]action
	spans []timeline
	end   time.Duration
}

// action is a sleep, or a wait for an earlier task.
type action struct {
	sleep time.Duration
	wait  int
}

// timeline is when a task was spawned and ended, and which waits held it up.
type timeline struct {
	spawned, ended time.Duration
	waits          []held
}

type held struct {
	until time.Duration
	by    int
}

func newPlan(seed uint64) *plan {
	rnd := rand.New(rand.NewPCG(seed, 7))
	p := new(plan)
	some := func() time.Duration { return time.Duration(1 + rnd.Int64N(1e9)) } // no two the same, in effect
	var now time.Duration
	for i := range 2 + rnd.IntN(6) {
		gap := time.Duration(0)
		if rnd.IntN(2) == 0 {
			gap = some()
		}
		now += gap
		var actions []action
		line := timeline{spawned: now}
		at := now
		for range 1 + rnd.IntN(4) {
			if i > 0 && rnd.IntN(2) == 0 {
				j := rnd.IntN(i)
				actions = append(actions, action{wait: j})
				if e := p.spans[j].ended; e > at {
					at = e
					line.waits = append(line.waits, held{e, j})
				}
				continue
			}
			d := some()
			actions = append(actions, action{sleep: d, wait: -1})
			at += d
		}
		line.ended = at
		p.gaps, p.tasks, p.spans = append(p.gaps, gap), append(p.tasks, actions), append(p.spans, line)
		p.end = max(p.end, at)
	}
	p.end = max(p.end, now)
	return p
}

func (p *plan) run(ctx context.Context) error {
	children := make([]*scope.Child, len(p.tasks))
	for i, actions := range p.tasks {
		_ = scope.Sleep(ctx, p.gaps[i])
		children[i] = scope.Go(ctx, func(ctx context.Context) error {
			for _, a := range actions {
				if a.wait >= 0 {
					_ = children[a.wait].Wait(ctx)
				} else {
					_ = scope.Sleep(ctx, a.sleep)
				}
			}
			return nil
		}, scope.Name(fmt.Sprint("t", i)))
	}
	return nil
}

// path walks back.
func (p *plan) path() (entries []string) {
	who, at := -1, p.end
	for i, l := range p.spans {
		if l.ended == p.end {
			who = i
		}
	}
	var names []string
	var lengths []time.Duration
	add := func(name string, d time.Duration) {
		if d == 0 {
			return
		}
		if n := len(names); n > 0 && names[n-1] == name {
			lengths[n-1] += d
			return
		}
		names, lengths = append(names, name), append(lengths, d)
	}
	for who >= 0 {
		l := p.spans[who]
		from, next := l.spawned, -1
		for _, h := range l.waits {
			if h.until <= at {
				from, next = h.until, h.by
			}
		}
		add(fmt.Sprint("t", who), at-from)
		who, at = next, from
	}
	add("body", at)
	for i := len(names) - 1; i >= 0; i-- {
		entries = append(entries, fmt.Sprintf("%s=%d.%09d", names[i], lengths[i]/1e9, lengths[i]%1e9))
	}
	return entries
}

// However long a scope runs and however often its tasks wait for each other,
// the path is short, and adds up.
func TestCriticalPathIsBounded(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		const rounds = 20000
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			to, from := csync.NewQueue[int](0), csync.NewQueue[int](0)
			scope.Go(ctx, func(ctx context.Context) error {
				defer func() { require.LessOrEqual(t, otelx.Depth(park.PlaceOf(ctx).Strand.Track()), 256) }()
				for i := range rounds {
					_ = scope.Sleep(ctx, 3)
					_ = to.Put(ctx, i)
					_, _ = from.Get(ctx)
				}
				return nil
			}, scope.Name("ping"))
			scope.Go(ctx, func(ctx context.Context) error {
				for i := range rounds {
					_, _ = to.Get(ctx)
					_ = scope.Sleep(ctx, 1)
					_ = from.Put(ctx, i)
				}
				return nil
			}, scope.Name("pong"))
			return nil
		}, scope.Name("s"))
		entries, most := path(r.one("scope s"))
		require.LessOrEqual(t, len(entries), 10)
		require.EqualValues(t, 4*rounds, length(t, entries))
		require.Equal(t, "ping", most)
		// The order of what is long past is forgotten, but not who had which share.
		require.Equal(t, []string{"ping=0.000060000", "pong=0.000020000"}, entries)
	})
}
