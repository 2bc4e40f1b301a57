package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// tracer returns the recorder's tracer for spans made by hand.
func tracer(ctx context.Context) trace.Tracer {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer("by hand")
}

func TestRecorderSpans(t *testing.T) {
	testkit.Guard(t)
	r := testkit.NewRecorder(t)
	ctx := r.Context(bg)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](0, csync.Name("jobs"))
		p := scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 1) }, scope.Name("producer"))
		if err := p.Wait(ctx); err != nil {
			return err
		}
		scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("consumer"))
		return nil
	}, scope.Name("s"))
	get := r.Span("get jobs")
	require.Equal(t, "task consumer", get.Parent)
	require.Equal(t, []string{"task producer"}, get.Links)
	require.Equal(t, "Unset", get.Status)
	require.Equal(t, otelx.OpsScopeName, get.Scope)
	require.Equal(t, "jobs", get.Attr("corral.queue.name"))
	require.Empty(t, get.Attr("no such"))
	root := r.Span("scope s")
	require.Empty(t, root.Parent)
	require.Equal(t, otelx.ScopeName, root.Scope)
	var names []string
	for _, s := range r.Spans() {
		names = append(names, s.Name)
	}
	require.Equal(t, "scope s", names[0], "in the order they began")
}

// Span ends the test, with the tree, if there is not exactly one.
func TestRecorderSpanIsTheOne(t *testing.T) {
	testkit.Guard(t)
	mentions(t, failing(t, func(t testing.TB) {
		r := testkit.NewRecorder(t)
		_ = scope.Run(r.Context(bg), func(context.Context) error { return nil }, scope.Name("s"))
		r.Span("scope other")
	}), `there are 0 spans named "scope other"`, "scope s")
}

// The tree is the same whatever order parallel siblings ran in.
func TestTreeIsCanonical(t *testing.T) {
	testkit.Guard(t)
	var first string
	for range 50 {
		r := testkit.NewRecorder(t)
		_ = scope.Run(r.Context(bg), func(ctx context.Context) error {
			for i := range 6 {
				scope.Go(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error { return scope.Checkpoint(ctx) }, scope.Name(fmt.Sprint("inner", i%2)))
				}, scope.Name("worker"))
			}
			return nil
		}, scope.Name("s"))
		if first == "" {
			first = r.Tree()
		}
		require.Equal(t, first, r.Tree())
		r.ExpectTree(`
			scope s
			  task worker ×3
			    scope inner0
			  task worker ×3
			    scope inner1
		`)
	}
}

// What the tree shows of an end: attributes, status, links.
func TestTreeOfAFailure(t *testing.T) {
	testkit.Guard(t)
	testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
		err := scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				if err := scope.Sleep(ctx, time.Second); err != nil {
					return err
				}
				return errors.New("sold out")
			}, scope.Name("cart"))
			return scope.Sleep(ctx, time.Minute)
		}, scope.Name("checkout"))
		require.ErrorContains(t, err, "sold out")
		tree := r.Tree()
		mentions(t, tree, "scope checkout 1s", "  task cart 1s {corral.task.result=failure, error.type=*errors.errorString} ! sold out")
	})
}

// In a bubble siblings are in order of their start.
func TestTreeInABubble(t *testing.T) {
	testkit.Guard(t)
	testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			for i, name := range []string{"c", "b", "a"} {
				scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Duration(3-i)*time.Minute) }, scope.Name(name))
				if err := scope.Sleep(ctx, time.Second); err != nil {
					return err
				}
			}
			return nil
		}, scope.Name("s"))
		r.ExpectTree(`
			scope s 3m0s
			  task c 3m0s
			  task b 2m0s
			  task a 1m0s
		`)
	})
}

func TestExpectTreeShowsBoth(t *testing.T) {
	testkit.Guard(t)
	mentions(t, failing(t, func(t testing.TB) {
		r := testkit.NewRecorder(t)
		_ = scope.Run(r.Context(bg), func(context.Context) error { return nil }, scope.Name("s"))
		r.ExpectTree("scope other")
	}), "got\n    scope s\nwant\n    scope other")
}

// A broken trace fails the test: spans never ended, outliving their parents,
// with parents that nobody recorded, below single operations.
func TestRecorderFindsBrokenTraces(t *testing.T) {
	testkit.Guard(t)
	for name, c := range map[string]struct {
		plant func(ctx context.Context)
		want  string
	}{
		"never ended": {func(ctx context.Context) {
			tracer(ctx).Start(ctx, "forgotten")
		}, `span "forgotten" was never ended`},
		"outlives its parent": {func(ctx context.Context) {
			var span trace.Span
			_ = scope.Run(ctx, func(ctx context.Context) error {
				_, span = tracer(ctx).Start(ctx, "late")
				return nil
			}, scope.Name("short"))
			span.End()
		}, `span "scope short" has ended, and was outlived by its children: "late"`},
		"outlives its parent, recorded afterwards": {func(ctx context.Context) {
			begun := time.Now()
			var parent context.Context
			_ = scope.Run(ctx, func(ctx context.Context) error { parent = ctx; return nil }, scope.Name("short"))
			_, span := tracer(ctx).Start(parent, "late", trace.WithTimestamp(begun.Add(time.Microsecond)))
			span.End(trace.WithTimestamp(begun.Add(time.Hour)))
		}, `span "late" outlives its parent "scope short" by `},
		"begins before its parent": {func(ctx context.Context) {
			_, span := tracer(ctx).Start(ctx, "early", trace.WithTimestamp(time.Unix(1, 0)))
			span.End()
		}, `before its parent "scope s"`},
		"orphan": {func(ctx context.Context) {
			stranger := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})
			_, span := tracer(ctx).Start(trace.ContextWithSpanContext(ctx, stranger), "orphan")
			span.End()
		}, `span "orphan" has a parent that was not recorded`},
		"below an operation": {func(ctx context.Context) {
			ops := trace.SpanFromContext(ctx).TracerProvider().Tracer(otelx.OpsScopeName)
			ctx, leaf := ops.Start(ctx, "get jobs")
			_, span := tracer(ctx).Start(ctx, "child")
			span.End()
			leaf.End()
		}, `span "child" is a child of the single operation "get jobs"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := failing(t, func(t testing.TB) {
				r := testkit.NewRecorder(t)
				_ = scope.Run(r.Context(bg), func(ctx context.Context) error { c.plant(ctx); return nil }, scope.Name("s"))
			})
			mentions(t, text, "the trace of the test is broken", c.want, "scope s")
		})
	}
}

// A span around what is recorded may be somebody else's; so may a remote one.
func TestRecorderBelowAnotherSpan(t *testing.T) {
	testkit.Guard(t)
	require.Empty(t, failing(t, func(t testing.TB) {
		other := testkit.NewRecorder(t)
		r := testkit.NewRecorder(t)
		_ = scope.Run(other.Context(bg), func(ctx context.Context) error {
			return scope.Run(r.Context(ctx), func(context.Context) error { return nil }, scope.Name("inner"))
		}, scope.Name("outer"))
		remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true})
		_ = scope.Run(trace.ContextWithSpanContext(r.Context(bg), remote), func(context.Context) error { return nil })
	}))
}

// Tests in parallel have providers of their own.
func TestRecordersInParallel(t *testing.T) {
	testkit.Guard(t)
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := testkit.NewRecorder(t)
			for range 20 {
				_ = scope.Run(r.Context(bg), func(context.Context) error { return nil }, scope.Name(fmt.Sprint("s", i)))
			}
			r.ExpectTree(fmt.Sprintf("scope s%d ×20", i))
		})
	}
}

func TestNewRecorderRefusesBadInput(t *testing.T) {
	testkit.Guard(t)
	mentions(t, failing(t, func(t testing.TB) { testkit.NewRecorder(t, otelx.WithLevel(99)) }), "testkit: NewRecorder: otelx: WithLevel")
	require.PanicsWithValue(t, "testkit: Recorder.Context with a nil ctx: pass t.Context()", func() {
		testkit.NewRecorder(t).Context(nil)
	})
	r := testkit.NewRecorder(t, otelx.WithLevel(otelx.LevelTasks), nil)
	_ = scope.Run(r.Context(bg), func(ctx context.Context) error { return csync.NewQueue[int](0).Put(ctx, 1) }, scope.Name("s"))
	r.ExpectTree("scope s")
}
