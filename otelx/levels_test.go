package otelx_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// Queues of one name are added up. One that is closed counts as long as there is
// something in it, and then no more: neither its items nor its capacity.
func TestQueueLevels(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		named := csync.Name("jobs")
		queues := []*csync.Queue[int]{
			csync.NewQueue[int](3, named),
			csync.NewStack[int](4, named),
			csync.NewPriorityQueue(5, func(a, b int) bool { return a < b }, named),
			csync.NewQueue[int](0, named), // unbounded
			csync.NewQueue[int](0),
		}
		for _, q := range queues {
			require.NoError(t, q.Put(ctx, 1))
			require.NoError(t, q.Put(ctx, 2))
		}
		levels := func(size, capacity any) {
			t.Helper()
			want := func(v any) map[string]string {
				m := map[string]string{}
				if v != nil {
					m["corral.queue.name=jobs"] = fmt.Sprint(v)
				}
				return m
			}
			sizes := want(size)
			sizes["corral.queue.name=_unnamed"] = "2"
			require.Equal(t, sizes, r.points("corral.queue.size"))
			require.Equal(t, want(capacity), r.points("corral.queue.capacity"))
		}
		levels(8, 3+4+5)
		queues[0].Close()
		levels(8, 3+4+5)
		_, _ = queues[0].Get(ctx)
		levels(7, 3+4+5)
		_, _ = queues[0].Get(ctx) // closed and empty
		levels(6, 4+5)
		queues[2].CloseNow()
		levels(4, 4)
		queues[1].CloseNow()
		levels(2, nil) // what is left is unbounded
		queues[3].CloseNow()
		levels(nil, nil)
		runtime.KeepAlive(queues)
		return nil
	})
}

// corral.limiter.*: usage, limit and who waits, added up for each name.
func TestLimiterLevels(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			a, b, other := csync.NewCapacityLimiter(2, csync.Name("db")), csync.NewCapacityLimiter(3, csync.Name("db")), csync.NewCapacityLimiter(7)
			levels := func(usage, limit, pending int) {
				t.Helper()
				synctest.Wait()
				for name, v := range map[string]int{"usage": usage, "limit": limit, "pending_requests": pending} {
					want := map[string]string{"corral.limiter.name=db": fmt.Sprint(v), "corral.limiter.name=_unnamed": "0"}
					if name == "limit" {
						want["corral.limiter.name=_unnamed"] = "7"
					}
					require.Equal(t, want, r.points("corral.limiter."+name), name)
				}
			}
			for _, l := range []*csync.CapacityLimiter{b, other} { // seen from the first use on
				require.NoError(t, l.Acquire(ctx))
				require.NoError(t, l.Release(ctx))
			}
			for range 5 {
				scope.Go(ctx, func(ctx context.Context) error {
					if err := a.Acquire(ctx); err != nil {
						return err
					}
					_ = scope.Sleep(ctx, time.Second)
					return a.Release(ctx)
				})
			}
			levels(2, 2+3, 3)
			require.NoError(t, a.SetTotal(1)) // less than is borrowed
			levels(2, 1+3, 3)
			_ = scope.Sleep(ctx, 1500*time.Millisecond)
			levels(1, 1+3, 2)
			require.NoError(t, a.SetTotal(4))
			levels(3, 4+3, 0)
			_ = scope.Sleep(ctx, time.Minute)
			levels(0, 4+3, 0)
			runtime.KeepAlive([]any{a, b, other})
			return nil
		})
	})
}

// corral.spans.suppressed: how many leaf spans were not made, of which kind, and
// why.
func TestSuppressed(t *testing.T) {
	testkit.Guard(t)
	work := func(ctx context.Context) error {
		q, l := csync.NewQueue[int](0, csync.Name("q")), csync.NewLock(csync.Name("l"))
		for i := range 10 {
			_ = q.Put(ctx, i)
			_ = l.Acquire(ctx)
			_ = l.Release(ctx)
		}
		for range 7 {
			_, _ = q.Get(ctx)
		}
		return nil
	}
	ctx, r := record(t, false, otelx.WithLeafBudget(5)) // put acquire put acquire put, and four composites
	_ = scope.Run(ctx, work)
	require.Equal(t, map[string]string{
		"corral.op=put reason=budget":     fmt.Sprint(10 - 3 - 1),
		"corral.op=acquire reason=budget": fmt.Sprint(10 - 2 - 1),
		"corral.op=get reason=budget":     fmt.Sprint(7 - 1),
	}, r.points("corral.spans.suppressed"))
	require.Len(t, r.named("put q"), 4)
	require.Len(t, r.named("acquire l"), 3)
	require.Len(t, r.named("get q"), 1)

	ctx, r = record(t, false, otelx.WithLevel(otelx.LevelBlocking))
	_ = scope.Run(ctx, work)
	require.Equal(t, map[string]string{
		"corral.op=put reason=level": "10", "corral.op=acquire reason=level": "10", "corral.op=get reason=level": "7",
	}, r.points("corral.spans.suppressed"))
	require.Empty(t, r.named("put q"))
}

// Far more names than are kept, from many goroutines at once: every span has its
// own name and attributes, and no more than MaxSets are kept.
func TestSpanNamesAreBounded(t *testing.T) {
	testkit.Guard(t)
	const names, clients = 4 * otelx.MaxSets, 8
	tp, r := provider()
	ctx := with(t, otelx.WithTracerProvider(tp))
	tr := otelx.TracerOf(ctx)
	ctx, span := tr.Start(ctx, otelx.SpanStart{Kind: "scope"})
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range names {
				name := fmt.Sprint("q-", (i+c*names/clients)%names) // in an order of its own
				tr.Leaf(ctx, &otelx.Leaf{Kind: "put", Name: name, Size: i % 40, HasSize: true, WasBlocked: i%3 == 0, Start: time.Now()})
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, otelx.Shapes(tr), otelx.MaxSets)
	require.Greater(t, otelx.Shapes(tr), otelx.MaxSets/2)
	span.End(otelx.Outcome{})
	seen := map[string]int{}
	for _, s := range r.Ended() {
		if s.Name() == "scope" {
			continue
		}
		require.Equal(t, "put "+text(s, "corral.queue.name"), s.Name())
		seen[s.Name()]++
	}
	require.Len(t, seen, names)
	for name, n := range seen {
		require.Equal(t, clients, n, name)
	}
}

// What is kept of one leaf is not taken for another that differs from it.
func TestLeavesOfOneShapeDiffer(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLeafBudget(1<<20))
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](0, csync.Name("q"))
		for range 2 {
			for i := range 100 {
				_ = q.Put(ctx, i)
			}
			for range 100 {
				_, _ = q.Get(ctx)
			}
		}
		return nil
	})
	for round := range 2 {
		for i := range 100 {
			require.Equal(t, fmt.Sprint(i+1), text(r.named("put q")[100*round+i], "corral.queue.size"))
			require.Equal(t, fmt.Sprint(99-i), text(r.named("get q")[100*round+i], "corral.queue.size"))
		}
	}
	nop := fails(nil)
	for _, outer := range []string{"a", "b", "a"} {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, nop, scope.Name("inner"))
		}, scope.Name(outer))
	}
	for i, outer := range []string{"a", "b", "a"} {
		require.Equal(t, outer+"/inner", text(r.named("scope inner")[i], "corral.scope.path"))
	}

	ctx, r = record(t, false, otelx.WithFunctionNames())
	for _, f := range []func(context.Context) error{nop, named} {
		_ = scope.Run(ctx, f, scope.Name("s"))
	}
	require.NotContains(t, text(r.named("scope s")[0], "code.function.name"), "named")
	require.Contains(t, text(r.named("scope s")[1], "code.function.name"), "named")
}

func named(context.Context) error { return nil }
