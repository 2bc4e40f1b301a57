package testkit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// Metric: the number of measurements of a histogram, the sum of a counter, an
// up-down counter or a gauge, over all attributes.
func TestRecorderMetric(t *testing.T) {
	testkit.Guard(t)
	testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
		for _, name := range []string{"corral.queue.operation.duration", "no.such.metric"} {
			n, ok := r.Metric(name)
			require.False(t, ok, name)
			require.Zero(t, n)
		}
		for _, name := range []string{"a", "b"} {
			q := csync.NewQueue[int](10, csync.Name(name))
			require.NoError(t, q.Put(ctx, 1))
			require.NoError(t, q.Put(ctx, 2))
			defer q.Close()
		}
		lim := csync.NewCapacityLimiter(3, csync.Name("lim"))
		require.NoError(t, lim.Acquire(ctx))
		otelx.LoopOf(ctx, "main").Saturation(ctx, 2.5)
		for name, want := range map[string]float64{
			"corral.queue.operation.duration": 4,   // a histogram
			"corral.queue.size":               4,   // an up-down counter
			"corral.queue.capacity":           20,  //
			"corral.limiter.usage":            1,   //
			"corral.loop.saturation":          2.5, // a gauge
		} {
			n, ok := r.Metric(name)
			require.True(t, ok, name)
			require.InDelta(t, want, n, 0, name)
		}
		require.NoError(t, lim.Release(ctx))
		n, ok := r.Metric("corral.limiter.usage")
		require.True(t, ok, "what is zero now was measured")
		require.Zero(t, n)
	})
}

// A counter: what was merged, beyond the leaf budget.
func TestRecorderMetricOfACounter(t *testing.T) {
	testkit.Guard(t)
	r := testkit.NewRecorder(t, otelx.WithLeafBudget(1))
	require.NoError(t, scope.Run(r.Context(bg), func(ctx context.Context) error {
		q := csync.NewQueue[int](0, csync.Name("q"))
		for i := range 10 {
			if err := q.Put(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}))
	n, ok := r.Metric("corral.spans.suppressed")
	require.True(t, ok)
	require.InDelta(t, 8, n, 0) // ten, less one by itself and one for the other nine
}

// Logs: in the order in which they were emitted, each in its span.
func TestRecorderLogs(t *testing.T) {
	testkit.Guard(t)
	testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
		require.Empty(t, r.Logs())
		err := scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { return errors.New("first") }, scope.Name("a"),
				scope.OnError(func(context.Context, error) bool { return true }))
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, time.Second)
				return errors.New("second")
			}, scope.Name("b"))
			return nil
		}, scope.Name("s"))
		require.ErrorContains(t, err, "second")
		logs := r.Logs()
		require.Len(t, logs, 2)
		for i, want := range []testkit.Log{
			{Severity: "WARN", Span: "task a", Body: "first"},
			{Severity: "ERROR", Span: "task b", Body: "second"},
		} {
			require.Equal(t, "corral.task.exception", logs[i].Name)
			require.Equal(t, want.Severity, logs[i].Severity)
			require.Equal(t, want.Span, logs[i].Span)
			require.Equal(t, want.Body, logs[i].Attr("exception.message"))
			require.Equal(t, "*errors.errorString", logs[i].Attr("exception.type"))
			require.Empty(t, logs[i].Attr("no such"))
		}
	})
}

// A span that is ended a second time fails the test: the SDK says nothing.
func TestRecorderFindsASecondEnd(t *testing.T) {
	testkit.Guard(t)
	mentions(t, failing(t, func(t testing.TB) {
		r := testkit.NewRecorder(t)
		_ = scope.Run(r.Context(bg), func(ctx context.Context) error {
			_, span := tracer(ctx).Start(ctx, "eager")
			defer span.End()
			span.End()
			return nil
		}, scope.Name("s"))
	}), "the trace of the test is broken", `span "eager" was ended twice`, "scope s")
}

// An operation that begins and is not told fails the test.
func TestRecorderFindsAMissingOperation(t *testing.T) {
	testkit.Guard(t)
	mentions(t, failing(t, func(t testing.TB) {
		r := testkit.NewRecorder(t)
		_ = scope.Run(r.Context(bg), func(ctx context.Context) error {
			provider := trace.SpanFromContext(ctx).TracerProvider()
			provider.(interface{ BeginOperation(ctx context.Context) }).BeginOperation(ctx)
			return nil
		}, scope.Name("s"))
	}), "1 operations have begun, and the leaf spans stand for 0")
}
