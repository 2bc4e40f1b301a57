package otelx_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// quiet are the contexts in which no span is recorded.
func quiet(t testing.TB) map[string]context.Context {
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	unsampled, _ := never.Tracer("x").Start(context.Background(), "request")
	metered, err := otelx.New(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))))
	require.NoError(t, err)
	return map[string]context.Context{
		"no SDK":             context.Background(),
		"unsampled":          unsampled,
		"unsampled, metrics": otelx.NewContext(unsampled, metered),
		"metrics":            otelx.NewContext(context.Background(), metered),
	}
}

// lock is the smallest primitive that is acquired.
type lock struct {
	mu   park.Mutex
	held bool
	line park.Line
}

func (*lock) Awaited(park.Look) park.Mark { return park.Mark{Kind: "lock.acquire", Name: "l"} }

func (l *lock) acquire(ctx context.Context) error {
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		l.mu.Lock()
		if l.held {
			err = op.Wait(&l.mu, &l.line, new(park.Ticket), l)
		} else {
			l.held = true
			l.mu.Unlock()
		}
	}
	if op.Traced() {
		op.End(otelx.Leaf{Kind: "acquire", Name: "l", On: l}, err)
	}
	return err
}

func (l *lock) release(ctx context.Context) {
	var op park.Op
	op.BeginTry(ctx)
	l.mu.Lock()
	t := l.line.Serve()
	l.held = t != nil
	l.mu.Unlock()
	op.Wake(t)
}

// R83, and nothing for metrics either: put, get, await, acquire.
func TestOperationsAllocateNothing(t *testing.T) {
	testkit.Guard(t)
	for name, ctx := range quiet(t) {
		t.Run(name, func(t *testing.T) {
			err := scope.Run(ctx, func(ctx context.Context) error {
				type key struct{}
				derived := context.WithValue(ctx, key{}, 1)
				q := csync.NewQueue[int](8, csync.Name("q"))
				l := new(lock)
				mutex, sem := csync.NewLock(csync.Name("l")), csync.NewSemaphore(1, csync.Name("s"))
				lim, set := csync.NewCapacityLimiter(2, csync.Name("lim")), csync.NewEvent(csync.Name("e"))
				set.Set()
				c := scope.Go(ctx, fails(nil), scope.Name("t"))
				f := task.NewFuture[int](ctx, task.Name("f"))
				require.NoError(t, f.SetResult(1))
				<-c.Done()
				for what, op := range map[string]func(){
					"put and get":       func() { _ = q.Put(ctx, 1); _, _ = q.Get(ctx) },
					"put and get below": func() { _ = q.Put(derived, 1); _, _ = q.Get(derived) },
					"try":               func() { _, _ = q.TryGet(ctx); _ = q.TryPut(ctx, 1); _, _ = q.TryGet(ctx) },
					"await a task":      func() { _ = c.Wait(ctx) },
					"await a future":    func() { _, _ = f.Wait(ctx) },
					"acquire":           func() { _ = l.acquire(ctx); l.release(ctx) },
					"lock":              func() { _ = mutex.Acquire(ctx); _ = mutex.Release(ctx) },
					"semaphore":         func() { _ = sem.Acquire(ctx); _ = sem.Release() },
					"limiter":           func() { _ = lim.Acquire(ctx); _ = lim.Release(ctx) },
					"event":             func() { _ = set.Wait(ctx) },
				} {
					op()
					require.Zero(t, testing.AllocsPerRun(200, op), what)
				}
				return nil
			})
			require.NoError(t, err)
		})
	}
}

// A hand-over between tasks that wait for each other allocates nothing, either.
func TestWaitsAllocateNothing(t *testing.T) {
	testkit.Guard(t)
	for name, ctx := range quiet(t) {
		t.Run(name, func(t *testing.T) {
			_ = scope.Run(ctx, func(ctx context.Context) error {
				to, from := csync.NewQueue[int](0, csync.Name("to")), csync.NewQueue[int](0, csync.Name("from"))
				scope.Go(ctx, func(ctx context.Context) error {
					for {
						v, err := to.Get(ctx)
						if err != nil {
							return nil
						}
						_ = from.Put(ctx, v)
					}
				}, scope.Name("echo"))
				round := func() { _ = to.Put(ctx, 1); _, _ = from.Get(ctx) }
				for range 10 {
					round()
				}
				require.Zero(t, testing.AllocsPerRun(200, round))
				to.Close()
				return nil
			})
		})
	}
}

// A scope, and a task, cost as many allocations with an unsampled parent, and
// with metrics, as without an SDK.
func TestScopesAndTasksAllocateNothingMore(t *testing.T) {
	testkit.Guard(t)
	cost := func(ctx context.Context) (scopes, tasks float64) {
		nop := fails(nil)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			name := scope.Name("t")
			scopes = testing.AllocsPerRun(200, func() { _ = scope.Run(ctx, nop) })
			tasks = testing.AllocsPerRun(200, func() { _ = scope.Go(ctx, nop, name).Wait(ctx) })
			return nil
		})
		return scopes, tasks
	}
	all := quiet(t)
	scopes, tasks := cost(all["no SDK"])
	for name, ctx := range all {
		s, n := cost(ctx)
		require.InDelta(t, scopes, s, 0, name)
		require.InDelta(t, tasks, n, 0, name)
	}
}

// The parts by themselves, as the packages call them.
func TestMeterAllocatesNothing(t *testing.T) {
	testkit.Guard(t)
	ctx := quiet(t)["metrics"]
	m := otelx.MeterOf(ctx)
	leaf := otelx.Leaf{Kind: "get", Name: "q", Start: time.Now(), End: time.Now(), Put: time.Now()}
	for what, f := range map[string]func(){
		"decide": func() { otelx.Of(ctx) },
		"task": func() {
			s := m.Task("name")
			s.Begin(ctx, 1)
			s.End(ctx, otelx.Outcome{}, 1)
		},
		"failed task": func() {
			s := m.Task("name")
			s.Begin(ctx, 1)
			s.End(ctx, otelx.Outcome{Result: otelx.Panic}, 1)
		},
		"wait":      func() { m.Waited(ctx, "queue.get", "q", 1) },
		"operation": func() { m.Operation(ctx, &leaf) },
	} {
		f()
		require.Zero(t, testing.AllocsPerRun(200, f), what)
	}
	var none *otelx.Meter
	require.Zero(t, testing.AllocsPerRun(200, func() {
		s := none.Task("name")
		s.Begin(ctx, 1)
		s.End(ctx, otelx.Outcome{}, 1)
		none.Waited(ctx, "queue.get", "q", 1)
		none.Operation(ctx, &leaf)
		none.Exception(ctx, nil, otelx.Exception{})
		var track *otelx.Track
		track.Released(track.Release(nil))
		track.Taken(otelx.Release{})
	}))
}

// A merged operation allocates nothing.
func TestMergedLeafAllocatesNothing(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false, otelx.WithLeafBudget(0))
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](8, csync.Name("q"))
		round := func() { _ = q.Put(ctx, 1); _, _ = q.Get(ctx) }
		round()
		require.Zero(t, testing.AllocsPerRun(200, round))
		return nil
	})
	require.Equal(t, 2, len(r.named("put q"))+len(r.named("get q")))
}

// What is recorded costs no more allocations than the same made by hand: of the
// options of a leaf, only its times are made for it alone.
func TestLeavesAllocateNoMoreThanByHand(t *testing.T) {
	testkit.Guard(t)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(discard{}))
	h := &hand{Tracer: tp.Tracer("by hand")}
	inst, err := otelx.New(otelx.WithTracerProvider(tp), otelx.WithLeafBudget(1<<30))
	require.NoError(t, err)
	_ = scope.Run(otelx.NewContext(context.Background(), inst), func(ctx context.Context) error {
		c, q := make(chan item, 8), csync.NewQueue[int](8, csync.Name("q"))
		byHand := testing.AllocsPerRun(200, func() { h.putThenTell(ctx, c); h.getThenTell(ctx, c) })
		ours := testing.AllocsPerRun(200, func() { _ = q.Put(ctx, 1); _, _ = q.Get(ctx) })
		require.LessOrEqual(t, ours, byHand)

		untold := otelx.NewContext(ctx, off(t))
		nop := fails(nil)
		scopeByHand := testing.AllocsPerRun(200, func() {
			_ = h.scope(untold, func(ctx context.Context) error { return scope.Run(ctx, nop, scope.Name("s")) })
		})
		require.LessOrEqual(t, testing.AllocsPerRun(200, func() { _ = scope.Run(ctx, nop, scope.Name("s")) }), scopeByHand)
		return nil
	})
}

// off is an Instrumentation that makes no span.
func off(t testing.TB) *otelx.Instrumentation {
	inst, err := otelx.New(otelx.WithLevel(otelx.LevelOff))
	require.NoError(t, err)
	return inst
}

// A context of ours answers for its span without a walk, whoever has spawned the
// task; one that has another span on top answers with that.
func TestContextsAnswerForTheirSpan(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false)
	require.Equal(t, trace.SpanFromContext(trace.ContextWithSpan(ctx, noop.Span{})), trace.SpanFromContext(context.WithValue(ctx, otelx.SpanKey, noop.Span{})))
	check := func(ctx context.Context, name string) {
		want := r.contexts[name]
		require.True(t, want.IsValid())
		require.Equal(t, want, trace.SpanContextFromContext(ctx))
		require.Zero(t, testing.AllocsPerRun(100, func() { trace.SpanFromContext(ctx) }))
		mine := trace.ContextWithSpan(ctx, noop.Span{})
		require.Equal(t, noop.Span{}, trace.SpanFromContext(mine))
	}
	_ = scope.Run(ctx, func(ctx context.Context) error {
		check(ctx, "scope outer")
		type key struct{}
		return scope.Go(context.WithValue(ctx, key{}, 1), func(ctx context.Context) error {
			check(ctx, "task t")
			require.Equal(t, 1, ctx.Value(key{}))
			return scope.Run(ctx, func(ctx context.Context) error {
				check(ctx, "scope inner")
				return nil
			}, scope.Name("inner"))
		}, scope.Name("t")).Wait(ctx)
	}, scope.Name("outer"))
}
