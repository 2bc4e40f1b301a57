package invariant

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

// What each way does to a trace, and that it ends.
//
// Unguarded: package testkit is above this one.
func TestWays(t *testing.T) {
	span := func(tp trace.TracerProvider) trace.Span {
		_, span := tp.Tracer("x").Start(context.Background(), "y")
		return span
	}
	for way, sampled := range map[string]bool{"1": true, "never": false, "blocks": true, "fails": true} {
		tp, over, err := New().provider(way)
		require.NoError(t, err)
		s := span(tp)
		require.Equal(t, sampled, s.SpanContext().IsSampled(), way)
		s.End()
		over()
	}
	tp, over, err := New().provider("panics")
	require.NoError(t, err)
	require.PanicsWithValue(t, errExport, func() { span(tp).End() })
	over()

	tp, over, err = New().provider("ratio")
	require.NoError(t, err)
	sampled := 0
	for range 1000 {
		s := span(tp)
		if s.SpanContext().IsSampled() {
			sampled++
		}
		s.End()
	}
	require.InDelta(t, 500, sampled, 150)
	over()

	_, _, err = New().provider("sometimes")
	require.ErrorContains(t, err, "want 1, never")
}
