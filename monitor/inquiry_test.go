package monitor

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/testkit"
)

// staged is a witness who says what he is told to.
type staged struct {
	found  []culprit
	begins int
	looks  int
	open   bool
}

func (w *staged) begin()         { w.begins++; w.open = true }
func (w *staged) look(time.Time) { w.looks++ }
func (w *staged) end() []culprit { w.open = false; return w.found }

func spanContext(id byte) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled,
	})
}

// A lag over the threshold opens one inquiry, at most one in ten seconds. The
// lags in it are recorded under the worst culprit's span, others under none.
func TestInquiry(t *testing.T) {
	testkit.Guard(t)
	reader := sdkmetric.NewManualReader()
	tp := sdktrace.NewTracerProvider()
	inst, err := otelx.New(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), otelx.WithTracerProvider(tp))
	require.NoError(t, err)
	ctx, own := tp.Tracer("x").Start(otelx.NewContext(context.Background(), inst), "own")
	defer own.End()

	var reports []Report
	w := &staged{found: []culprit{
		{Culprit: Culprit{Task: "", CPU: 4 * ms}, span: trace.SpanContext{}},
		{Culprit: Culprit{Task: "svc/hog", CPU: 3 * ms, Stack: []byte("main.hog")}, span: spanContext(7)},
		{Culprit: Culprit{Task: "svc/other", CPU: ms}, span: spanContext(8)},
	}}
	m := New(Name("main"), OnLag(20*ms, func(r Report) { reports = append(reports, r) }))
	m.witness = w
	r := recorder{loop: otelx.LoopOf(ctx, "main"), ctx: spanless(ctx), inquiry: newInquiry(m)}
	start := time.Unix(1e9, 0)
	m.begin(start)
	turn := func(at time.Duration, lag time.Duration) { r.record(m, start.Add(at), lag) }

	turn(0, ms)
	turn(10*ms, 20*ms)
	require.Zero(t, w.begins, "at the threshold is not over it")
	turn(100*ms, 60*ms)
	turn(200*ms, 70*ms)
	turn(300*ms, 2*ms)
	require.True(t, w.open)
	require.Equal(t, 2, w.looks)
	require.Empty(t, reports)
	turn(500*ms, ms)
	require.False(t, w.open)
	require.Equal(t, []Report{{At: start.Add(100 * ms), Lag: 60 * ms, Culprits: []Culprit{
		{Task: "", CPU: 4 * ms}, {Task: "svc/hog", CPU: 3 * ms, Stack: []byte("main.hog")}, {Task: "svc/other", CPU: ms},
	}}}, reports)

	turn(5*time.Second, 300*ms)
	require.Equal(t, 1, w.begins, "one in ten seconds")
	turn(10*time.Second+100*ms, 60*ms)
	require.Equal(t, 2, w.begins)
	r.inquiry.end(&r)
	require.False(t, w.open, "the end of the Monitor ends it")
	require.Len(t, reports, 2)
	r.inquiry.end(&r)
	require.Len(t, reports, 2)

	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &rm))
	got := map[string]metricdata.Aggregation{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		got[m.Name] = m.Data
	}
	delay := got["corral.loop.delay"].(metricdata.Histogram[float64]).DataPoints[0]
	require.EqualValues(t, 8, delay.Count, "every lag is recorded once")
	var bounds []float64
	for _, b := range LagBounds() {
		bounds = append(bounds, b.Seconds())
	}
	require.Equal(t, delay.Bounds, bounds, "Stats.Lags has the same")
	id := spanContext(7).SpanID()
	require.NotEmpty(t, delay.Exemplars)
	for _, e := range delay.Exemplars {
		require.Equal(t, id[:], e.SpanID)
		require.Contains(t, []float64{0.06, 0.07}, e.Value)
	}
	require.Contains(t, got, "corral.loop.saturation")
	require.Contains(t, got, "corral.loop.runnable")
}

// R84: a function that panics is called once, and measuring goes on.
func TestReportPanics(t *testing.T) {
	testkit.Guard(t)
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	calls := 0
	m := New(OnLag(ms, func(Report) { calls++; panic("no") }))
	m.witness = &staged{}
	r := recorder{ctx: context.Background(), inquiry: newInquiry(m)}
	for i := range 3 {
		now := time.Unix(int64(1000*i), 0)
		require.True(t, r.inquiry.takes(&r, now, 2*ms))
		r.inquiry.end(&r)
	}
	require.Equal(t, 1, calls)
	require.Contains(t, log.String(), "OnLag panicked")
}

// An inquiry keeps so many lags and no more; the rest is recorded at once.
func TestInquiryIsBounded(t *testing.T) {
	testkit.Guard(t)
	m := New(OnLag(ms, func(Report) {}))
	m.witness = &staged{}
	r := recorder{ctx: context.Background(), inquiry: newInquiry(m)}
	taken := 0
	for range 10 * maxLags {
		if r.inquiry.takes(&r, time.Unix(1, 0), 2*ms) {
			taken++
		}
	}
	require.Equal(t, maxLags, taken)
	r.inquiry.end(&r)
}
