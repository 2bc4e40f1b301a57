package otelx_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// count returns the value of a counter for one attribute value.
func (r *recording) count(name, value string) (sum int64) {
	m, ok := collect(r.t, r.reader)[name]
	if !ok {
		return 0
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		for _, kv := range p.Attributes.ToSlice() {
			if kv.Value.AsString() == value {
				sum += p.Value
			}
		}
	}
	return sum
}

// After its budget a task's quick operations are merged: by kind and object,
// also when it takes from one and puts into another in turn; none is lost (R80).
func TestLeafBudget(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		ctx, r := record(t, false)
		in, out := csync.NewQueue[int](0, csync.Name("in")), csync.NewQueue[int](0, csync.Name("out"))
		_ = scope.Run(ctx, func(ctx context.Context) error {
			for i := range n {
				require.NoError(t, in.Put(ctx, i))
			}
			worker := scope.Go(ctx, func(ctx context.Context) error {
				for range n {
					v, _ := in.Get(ctx)
					_ = out.Put(ctx, v)
				}
				return nil
			}, scope.Name("worker"))
			return worker.Wait(ctx)
		}, scope.Name("s"))

		require.Equal(t, map[string]int{"put": 2 * n, "get": n, "await": 1, "scope": 1, "task": 1}, r.operations())
		require.Len(t, r.named("put in"), 128+1)
		require.Len(t, r.named("get in"), 64+1)
		require.Len(t, r.named("put out"), 64+1)
		require.EqualValues(t, 2*n+n-len(r.named("put in"))-len(r.named("get in"))-len(r.named("put out")),
			r.count("corral.spans.suppressed", "budget"))

		composite := r.named("get in")[64]
		n1, _ := value(composite.Attributes(), "corral.op.count")
		require.EqualValues(t, n-64, n1.AsInt64())
		require.Equal(t, []string{"scope s"}, r.linked(composite), "one link to each producer")
		require.Equal(t, "in", text(composite, "corral.queue.name"))
	})
}

// What blocked for a millisecond, or failed, has a span of its own after the
// budget, too; what was empty or closed has an answer.
func TestLeafBudgetExceptions(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false, otelx.WithLeafBudget(0))
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](2, csync.Name("q"))
			scope.Go(ctx, func(ctx context.Context) error {
				for range 2 {
					_ = scope.Sleep(ctx, time.Millisecond)
					_ = q.Put(ctx, 1)
				}
				return nil
			}, scope.Name("slow"))
			_, _ = q.Get(ctx) // blocks 1 ms
			_, _ = q.Get(ctx) // again
			for range 10 {
				_, err := q.TryGet(ctx)
				require.ErrorIs(t, err, csync.ErrQueueEmpty)
			}
			for i := range 2 {
				_ = q.Put(ctx, i)
			}
			require.ErrorIs(t, q.TryPut(ctx, 3), csync.ErrQueueFull)
			q.Close()
			require.ErrorIs(t, q.Put(ctx, 4), csync.ErrQueueClosed)
			require.ErrorIs(t, q.Put(ctx, 5), csync.ErrQueueClosed)
			return nil
		}, scope.Name("s"))
		require.Equal(t, 12, r.operations()["get"])
		require.Equal(t, 7, r.operations()["put"])
		require.Len(t, r.named("get q"), 3, "two that blocked, and ten that were answered")
		blocked := r.named("get q")[0]
		require.Equal(t, "true", text(blocked, "corral.op.blocked"))
		require.Empty(t, text(blocked, "corral.op.count"))
		empty := r.named("get q")[2]
		require.Equal(t, []string{"10", "queue_empty"}, []string{text(empty, "corral.op.count"), text(empty, "error.type")})
		closed := 0
		for _, s := range r.named("put q") {
			if text(s, "error.type") == "queue_closed" {
				closed++
				require.Empty(t, text(s, "corral.op.count"), "a put that fails has its own")
			}
		}
		require.Equal(t, 2, closed)
	})
}

// The times of a composite are those of what was merged.
func TestCompositeTimes(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLeafBudget(1))
	tr := otelx.TracerOf(ctx)
	ctx, span := tr.Start(ctx, otelx.SpanStart{Kind: "task", Name: "t"})
	track := otelx.NewTrack("t", time.Now(), otelx.Release{})
	begin := time.Now()
	leaf := func(at, took time.Duration) {
		tr.Begin(ctx)
		tr.Leaf(ctx, &otelx.Leaf{
			Kind: "put", Name: "q", Start: begin.Add(at), End: begin.Add(at + took), In: span, Track: track, WasBlocked: took > 2,
		})
	}
	leaf(0, 1)
	leaf(1, 2)
	leaf(10, 5)
	leaf(20, 1)
	span.End(otelx.Outcome{})
	puts := r.named("put q")
	require.Len(t, puts, 2)
	c := puts[1]
	require.Equal(t, begin.Add(1).UnixNano(), c.StartTime().UnixNano())
	require.Equal(t, begin.Add(21).UnixNano(), c.EndTime().UnixNano())
	require.Equal(t, []string{"3", "0.000000008", "0.000000005", "true"}, []string{
		text(c, "corral.op.count"), text(c, "corral.op.time"), text(c, "corral.op.max"), text(c, "corral.op.blocked"),
	})
}

// An answer and a success are not merged, and what comes once a span is sealed
// is a root, also if it has not ended yet.
func TestWhatIsNotMerged(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLeafBudget(0))
	q := csync.NewQueue[int](0, csync.Name("q"))
	_ = scope.Run(ctx, func(ctx context.Context) error {
		for range 3 {
			_, err := q.TryGet(ctx)
			require.ErrorIs(t, err, csync.ErrQueueEmpty)
			_ = q.Put(ctx, 1)
			_, err = q.TryGet(ctx)
			require.NoError(t, err)
		}
		return nil
	})
	gets := map[string]string{}
	for _, s := range r.named("get q") {
		gets[text(s, "error.type")] = text(s, "corral.op.count")
	}
	require.Equal(t, map[string]string{"": "3", "queue_empty": "3"}, gets)

	tr := otelx.TracerOf(ctx)
	ctx, span := tr.Start(ctx, otelx.SpanStart{Kind: "task", Name: "t"})
	require.False(t, span.Seal().IsZero())
	require.True(t, span.Seal().IsZero(), "once")
	_, open := span.Within()
	require.False(t, open)
	tr.Begin(ctx)
	tr.Leaf(ctx, &otelx.Leaf{Kind: "put", Name: "late", Start: time.Now(), In: span})
	span.End(otelx.Outcome{})
	require.False(t, r.one("put late").Parent().IsValid())
	require.Equal(t, []string{"task t"}, r.linked(r.one("put late")))
}

// The ctx of a task in the hands of other goroutines: no operation is lost, and
// one that comes after the task is a root that is linked to it (R81).
func TestLeavesOfOtherGoroutines(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLeafBudget(10))
	const goroutines, each = 8, 500
	var leaked context.Context
	q := csync.NewQueue[int](0, csync.Name("q"))
	_ = scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			leaked = ctx
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for i := range each {
						_ = q.TryPut(ctx, i)
					}
				})
			}
			wg.Wait()
			return nil
		}, scope.Name("t"))
		return nil
	}, scope.Name("s"))
	require.Equal(t, goroutines*each, r.operations()["put"])
	require.LessOrEqual(t, len(r.named("put q")), 12)

	_, err := q.TryGet(leaked)
	require.NoError(t, err)
	late := r.one("get q")
	require.False(t, late.Parent().IsValid())
	require.Equal(t, []string{"task t", "task t"}, r.linked(late), "where it was called, and where the item was put")
}

// An operation that is under way in another goroutine while the task ends: the
// leaf lies inside the task, or is a root. The check of the recording says so.
func TestLeavesWhileTheTaskEnds(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLeafBudget(3))
	q := csync.NewQueue[int](0, csync.Name("q"))
	var wg sync.WaitGroup
	for range 50 {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				started := make(chan struct{})
				wg.Go(func() {
					for i := range 50 {
						_ = q.TryPut(ctx, i)
						if i == 1 {
							close(started)
						}
					}
				})
				<-started
				return nil
			}, scope.Name("t"))
			return nil
		}, scope.Name("s"))
	}
	wg.Wait()
	require.Equal(t, 50*50, r.operations()["put"])
}

// A span of the user's own, in between, is the parent of what is called below
// it, budget or not.
func TestLeavesBelowAUsersSpan(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false, otelx.WithLeafBudget(1))
		mine := r.tracers.Tracer("mine")
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](0, csync.Name("q"))
			for range 3 {
				ctx, span := mine.Start(ctx, "mine")
				for i := range 5 {
					_ = q.Put(ctx, i)
				}
				time.Sleep(1)
				span.End()
			}
			return nil
		}, scope.Name("s"))
		require.Equal(t, 15, r.operations()["put"])
		below := map[string]int{}
		parents := r.named("mine")
		for _, s := range r.named("put q") {
			for i, p := range parents {
				if p.SpanContext().SpanID() == s.Parent().SpanID() {
					n := 1
					if v, ok := value(s.Attributes(), "corral.op.count"); ok {
						n = int(v.AsInt64())
					}
					below[string(rune('a'+i))] += n
				}
			}
		}
		require.Equal(t, map[string]int{"a": 5, "b": 5, "c": 5}, below)
	})
}

// A span of the user's own that has ended is no parent any more, inside a task
// or outside of all (R81).
func TestLeavesBelowASpanThatHasEnded(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false)
	mine := r.tracers.Tracer("mine")
	q := csync.NewQueue[int](0, csync.Name("q"))
	outside, span := mine.Start(ctx, "outside")
	span.End()
	_ = scope.Run(ctx, func(ctx context.Context) error {
		inside, span := mine.Start(ctx, "inside")
		span.End()
		_ = q.Put(inside, 1)
		return nil
	}, scope.Name("s"))
	require.Equal(t, []string{"inside"}, r.linked(r.one("put q")))
	require.False(t, r.one("put q").Parent().IsValid())
	_, _ = q.Get(outside)
	require.Equal(t, []string{"outside", "inside"}, r.linked(r.one("get q")))
	require.False(t, r.one("get q").Parent().IsValid())

	_ = task.NewFuture[int](outside, task.Name("late")).SetResult(1)
	require.Equal(t, []string{"outside"}, r.linked(r.one("future late")))
	_ = scope.Run(outside, fails(nil), scope.Name("late"))
	require.Equal(t, []string{"outside"}, r.linked(r.one("scope late")))
	require.False(t, r.one("scope late").Parent().IsValid())
}

// LevelBlocking leaves out what neither blocked nor failed, and counts it.
func TestLevelBlockingCounts(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLevel(otelx.LevelBlocking))
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](0)
		for i := range 5 {
			_ = q.Put(ctx, i)
		}
		_, _ = q.Get(ctx)
		q.Close()
		return errors.Join(q.Put(ctx, 1))
	})
	require.Equal(t, 1, r.operations()["put"], "the one that failed")
	require.Zero(t, r.operations()["get"])
	require.EqualValues(t, 6, r.count("corral.spans.suppressed", "level"))
}
