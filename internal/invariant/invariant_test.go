package invariant_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

var bg = context.Background()

// planted violates each invariant, once or in several ways.
var planted = map[string]struct {
	plant func(ctx context.Context, p *invariant.Provider)
	want  string
}{
	"never ended": {func(ctx context.Context, p *invariant.Provider) {
		p.Tracer("by hand").Start(ctx, "forgotten")
	}, `span "forgotten" was never ended`},
	"ended twice": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer("by hand").Start(ctx, "eager")
		span.End()
		span.End()
	}, `span "eager" was ended twice`},
	"ended twice, long after": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer("by hand").Start(ctx, "eager", trace.WithNewRoot())
		span.End()
		defer func() { trace.SpanFromContext(trace.ContextWithSpan(ctx, span)).End() }()
		_ = scope.Run(ctx, func(context.Context) error { return nil })
	}, `span "eager" was ended twice`},
	"ends before it begins": {func(ctx context.Context, p *invariant.Provider) {
		now := time.Now()
		_, span := p.Tracer("by hand").Start(ctx, "backwards", trace.WithTimestamp(now))
		span.End(trace.WithTimestamp(now.Add(-1)))
	}, `span "backwards" ends before it begins`},
	"open when its parent ends": {func(ctx context.Context, p *invariant.Provider) {
		outer, parent := p.Tracer("by hand").Start(ctx, "parent")
		_, child := p.Tracer("by hand").Start(outer, "child")
		parent.End()
		child.End()
	}, `span "parent" has ended, and was outlived by its children: "child"`},
	"ends after its parent, told before": {func(ctx context.Context, p *invariant.Provider) {
		outer, parent := p.Tracer("by hand").Start(ctx, "parent")
		_, child := p.Tracer("by hand").Start(outer, "child")
		child.End(trace.WithTimestamp(time.Now().Add(time.Hour)))
		parent.End()
	}, `span "child" outlives its parent "parent" by `},
	"ends after its parent, told afterwards": {func(ctx context.Context, p *invariant.Provider) {
		outer, parent := p.Tracer("by hand").Start(ctx, "parent")
		at := time.Now()
		parent.End()
		_, child := p.Tracer("by hand").Start(outer, "child", trace.WithTimestamp(at))
		child.End(trace.WithTimestamp(at.Add(time.Hour)))
	}, `span "child" outlives its parent "parent" by `},
	"begins before its parent": {func(ctx context.Context, p *invariant.Provider) {
		outer, parent := p.Tracer("by hand").Start(ctx, "parent")
		_, child := p.Tracer("by hand").Start(outer, "child", trace.WithTimestamp(time.Unix(1, 0)))
		child.End()
		parent.End()
	}, ` before its parent "parent"`},
	"a parent that was not recorded": {func(ctx context.Context, p *invariant.Provider) {
		stranger := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})
		_, span := p.Tracer("by hand").Start(trace.ContextWithSpanContext(ctx, stranger), "orphan")
		span.End()
	}, `span "orphan" has a parent that was not recorded`},
	"a leaf with a child": {func(ctx context.Context, p *invariant.Provider) {
		p.BeginOperation(ctx)
		inner, leaf := p.Tracer(otelx.OpsScopeName).Start(ctx, "get jobs")
		_, span := p.Tracer("by hand").Start(inner, "child")
		span.End()
		leaf.End()
	}, `span "child" is a child of the single operation "get jobs"`},
	"an operation that is not told": {func(ctx context.Context, p *invariant.Provider) {
		p.BeginOperation(ctx)
	}, `1 operations have begun, and the leaf spans stand for 0`},
	"an operation that is told twice": {func(ctx context.Context, p *invariant.Provider) {
		p.BeginOperation(ctx)
		for range 2 {
			_, leaf := p.Tracer(otelx.OpsScopeName).Start(ctx, "get jobs")
			leaf.End()
		}
	}, `1 operations have begun, and the leaf spans stand for 2`},
	"a composite that counts wrong": {func(ctx context.Context, p *invariant.Provider) {
		for range 5 {
			p.BeginOperation(ctx)
		}
		_, leaf := p.Tracer(otelx.OpsScopeName).Start(ctx, "get jobs", trace.WithAttributes(attribute.Int("corral.op.count", 4)))
		leaf.End()
	}, `5 operations have begun, and the leaf spans stand for 4`},
	"a name": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer(otelx.ScopeName).Start(ctx, "job 17")
		span.End()
	}, `span "job 17" is not of the closed list of github.com/corral-go/corral/otelx`},
	"a name of the other list": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer(otelx.ScopeName).Start(ctx, "get jobs")
		span.End()
	}, `span "get jobs" is not of the closed list`},
	"the name of an attribute": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer(otelx.ScopeName).Start(ctx, "task x")
		span.SetAttributes(attribute.Int("corral.task.number", 1))
		span.End()
	}, `span "task x" has the attribute corral.task.number`},
	"an attribute of a leaf": {func(ctx context.Context, p *invariant.Provider) {
		p.BeginOperation(ctx)
		_, leaf := p.Tracer(otelx.OpsScopeName).Start(ctx, "get jobs", trace.WithAttributes(attribute.String("file.path", "x")))
		leaf.End()
	}, `span "get jobs" has the attribute file.path`},
	"the name of an event": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer(otelx.ScopeName).Start(ctx, "task x")
		span.AddEvent("exception")
		span.End()
	}, `span "task x" has the event exception`},
	"a status": {func(ctx context.Context, p *invariant.Provider) {
		_, span := p.Tracer(otelx.ScopeName).Start(ctx, "task x")
		span.SetStatus(codes.Ok, "")
		span.End()
	}, `span "task x" has the status Ok`},
}

// recorded runs body below a provider of its own.
func recorded(t *testing.T, c *invariant.Checker, body func(ctx context.Context, p *invariant.Provider)) {
	t.Helper()
	p := c.Provider()
	inst, err := otelx.New(otelx.WithTracerProvider(p))
	require.NoError(t, err)
	require.NoError(t, scope.Run(otelx.NewContext(bg, inst), func(ctx context.Context) error {
		body(ctx, p)
		return nil
	}, scope.Name("s")))
}

// R80–R82: each defect is found and named, with the tree of its trace.
func TestPlantedDefects(t *testing.T) {
	testkit.Guard(t)
	for name, d := range planted {
		t.Run(name, func(t *testing.T) {
			c := invariant.New()
			recorded(t, c, d.plant)
			broken := c.Broken()
			require.Len(t, broken, 1)
			require.Contains(t, invariant.Text(broken), d.want)
			require.Contains(t, broken[0].String(), "\n\n    ")
		})
	}
}

// work is sound, whatever it does: leaves, merged ones, some in a trace of their
// own, a get whose caller's function panics.
func work(ctx context.Context, _ *invariant.Provider) {
	q := csync.NewQueue[int](1000, csync.Name("jobs"))
	for i := range 300 {
		_ = q.Put(ctx, i)
	}
	var late context.Context
	child := scope.Go(ctx, func(ctx context.Context) error {
		late = ctx
		return q.Process(ctx, func(ctx context.Context, i int) error { return scope.Checkpoint(ctx) })
	})
	scope.Go(ctx, func(context.Context) error { return nil }, scope.NewRoot())
	q.Close()
	_ = child.Wait(ctx)
	_, _ = q.TryGet(late) // its span has ended
	_ = csync.NewLock().Acquire(late)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewPriorityQueue(0, func(int, int) bool { panic("less") })
		_, _ = q.Put(ctx, 1), q.Put(ctx, 2)
		_, _ = q.Get(ctx)
		return nil
	}, scope.PanicsAsErrors())
}

func TestSoundTraces(t *testing.T) {
	testkit.Guard(t)
	c := invariant.New()
	recorded(t, c, work)
	recorded(t, c, func(ctx context.Context, p *invariant.Provider) { // a user's own attribute on a task's span
		_, span := p.Tracer(otelx.ScopeName).Start(ctx, "task file")
		span.SetAttributes(attribute.String("file.path", "x"))
		span.End()
	})
	require.Empty(t, c.Broken())
}

// What the SDK would do is done: the wrapped spans are the SDK's.
func TestProviderForwards(t *testing.T) {
	testkit.Guard(t)
	p := invariant.New().Provider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, span := p.Tracer("x").Start(bg, "unsampled")
	require.False(t, span.IsRecording())
	require.Same(t, p, span.TracerProvider())
	span.End()
	_, inner := p.Tracer("x").Start(ctx, "inner")
	require.Equal(t, span.SpanContext().TraceID(), inner.SpanContext().TraceID())

	p = invariant.New().Provider()
	ctx, span = p.Tracer("x").Start(bg, "outer")
	_, inner = p.Tracer("x").Start(ctx, "inner")
	require.Same(t, p, trace.SpanFromContext(ctx).TracerProvider())
	require.Equal(t, span.SpanContext(), inner.(sdktrace.ReadOnlySpan).Parent())
	inner.End()
	span.End()
	require.Equal(t, 1, span.(sdktrace.ReadOnlySpan).ChildSpanCount())
	require.NoError(t, p.ForceFlush(bg))
	require.NoError(t, p.Shutdown(bg))
}

// tests is a run of a package's tests.
type tests func() int

func (f tests) Run() int { return f() }

// A traced run fails for what is broken, says in which test, and lets go of
// traces that are over.
func TestSuite(t *testing.T) {
	testkit.Guard(t)
	traced := func(body func(ctx context.Context, p trace.TracerProvider)) (code int, text string) {
		before := otel.GetTracerProvider()
		beforeMeters := otel.GetMeterProvider()
		defer func() { otel.SetTracerProvider(before); otel.SetMeterProvider(beforeMeters) }()
		run := invariant.TracedSuite(tests(func() int {
			body(bg, otel.GetTracerProvider())
			return 0
		}), func(s string) { text += s })
		return run.Run(), text
	}
	code, text := traced(func(ctx context.Context, _ trace.TracerProvider) {
		require.NoError(t, scope.Run(ctx, func(ctx context.Context) error { work(ctx, nil); return nil }))
	})
	require.Zero(t, code, text)
	require.Empty(t, text)

	code, text = traced(func(ctx context.Context, p trace.TracerProvider) {
		_, span := p.Tracer("by hand").Start(ctx, "forgotten")
		require.True(t, span.IsRecording())
	})
	require.Equal(t, 1, code)
	require.Contains(t, text, "a trace is broken, in TestSuite:\nspan \"forgotten\" was never ended\n\n    forgotten (0s never ended)")

	defer invariant.Unplant(t.Name())
	code, text = traced(func(ctx context.Context, p trace.TracerProvider) {
		invariant.Planted(t, "a span that is never ended")
		p.Tracer("by hand").Start(ctx, "forgotten")
	})
	require.Zero(t, code, text)
}

// Memory: a run of many traces keeps a bounded number, and what is late still
// finds its own.
func TestTracesAreLetGo(t *testing.T) {
	testkit.Guard(t)
	c := invariant.New()
	c.Keep(100)
	recorded(t, c, func(ctx context.Context, p *invariant.Provider) {
		tr := p.Tracer("by hand")
		for range 10_000 {
			at, span := tr.Start(ctx, "root", trace.WithNewRoot())
			_, inner := tr.Start(at, "inner")
			inner.End()
			span.End()
		}
	})
	require.LessOrEqual(t, c.Kept(), 200)
	runtime.KeepAlive(c)
	require.Empty(t, c.Broken())
}
