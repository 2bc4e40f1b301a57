package otelx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/corral-go/corral/otelx"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func provider(opts ...sdktrace.TracerProviderOption) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	r := tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(r))...), r
}

func with(t *testing.T, opts ...otelx.Option) context.Context {
	inst, err := otelx.New(opts...)
	require.NoError(t, err)
	return otelx.NewContext(context.Background(), inst)
}

func TestNewRefusesBadInput(t *testing.T) {
	testkit.Guard(t)
	_, err := otelx.New(otelx.WithTracerProvider(nil))
	require.ErrorContains(t, err, "otelx: WithTracerProvider(nil)")
	_, err = otelx.New(otelx.WithLevel(99))
	require.ErrorContains(t, err, "otelx: WithLevel")
	_, err = otelx.New(nil)
	require.NoError(t, err)
}

// The provider: the one given, else that of the span in ctx, else the global
// one, else none.
func TestWhichProvider(t *testing.T) {
	testkit.Guard(t)
	require.Nil(t, otelx.TracerOf(context.Background()), "no SDK")

	given, givenSpans := provider()
	around, aroundSpans := provider()
	global, globalSpans := provider()
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	otel.SetTracerProvider(global)

	start := func(ctx context.Context) {
		_, span := otelx.TracerOf(ctx).Start(ctx, otelx.SpanStart{Kind: "scope", Name: "s"})
		span.End(otelx.Outcome{})
	}
	start(context.Background())
	require.Len(t, globalSpans.Ended(), 1)

	ctx, span := around.Tracer("x").Start(context.Background(), "request")
	start(ctx)
	require.Len(t, aroundSpans.Ended(), 1)
	require.Equal(t, span.SpanContext().SpanID(), aroundSpans.Ended()[0].Parent().SpanID())

	inst, err := otelx.New(otelx.WithTracerProvider(given))
	require.NoError(t, err)
	start(otelx.NewContext(ctx, inst))
	require.Len(t, givenSpans.Ended(), 1)

	otel.SetTracerProvider(noop.NewTracerProvider())
	require.Nil(t, otelx.TracerOf(context.Background()))
	require.NotNil(t, otelx.TracerOf(trace.ContextWithRemoteSpanContext(
		otelx.NewContext(context.Background(), inst), span.SpanContext().WithRemote(true))), "a remote parent is no unsampled one")
}

// R83: deciding that nothing is recorded allocates nothing, and nor does
// deciding for the same provider again.
func TestDecisionAllocatesNothing(t *testing.T) {
	testkit.Guard(t)
	tp, _ := provider(sdktrace.WithSampler(sdktrace.NeverSample()))
	unsampled, _ := tp.Tracer("x").Start(context.Background(), "request")
	sampling, _ := provider()
	sampled, _ := sampling.Tracer("x").Start(context.Background(), "request")
	for name, ctx := range map[string]context.Context{"no SDK": context.Background(), "unsampled": unsampled, "sampled": sampled} {
		var tr *otelx.Tracer
		require.Zero(t, testing.AllocsPerRun(100, func() { tr = otelx.TracerOf(ctx) }), name)
		require.Equal(t, name == "sampled", tr != nil, name)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var none *otelx.Tracer
		ctx, span := none.Start(unsampled, otelx.SpanStart{Kind: "task"})
		span.End(otelx.Outcome{})
		span.Canceled(nil, 1, time.Time{})
		none.Leaf(ctx, &otelx.Leaf{Kind: "get"})
		_ = none.Leaves()
		_ = span.Context()
	}))
}

func TestLevels(t *testing.T) {
	testkit.Guard(t)
	for level, want := range map[otelx.Level][]string{
		otelx.LevelAll:      {"get q", "get q", "get q", "scope s"},
		otelx.LevelBlocking: {"get q", "get q", "scope s"},
		otelx.LevelTasks:    {"scope s"},
		otelx.LevelOff:      nil,
	} {
		t.Run(level.String(), func(t *testing.T) {
			tp, r := provider()
			ctx := with(t, otelx.WithTracerProvider(tp), otelx.WithLevel(level))
			tr := otelx.TracerOf(ctx)
			require.Equal(t, level < otelx.LevelTasks, tr.Leaves())
			ctx, span := tr.Start(ctx, otelx.SpanStart{Kind: "scope", Name: "s"})
			leaf := otelx.Leaf{Kind: "get", Name: "q", Start: time.Now()}
			tr.Leaf(ctx, &leaf)
			leaf.WasBlocked = true
			tr.Leaf(ctx, &leaf)
			leaf.WasBlocked, leaf.Err = false, errors.New("x")
			tr.Leaf(ctx, &leaf)
			span.End(otelx.Outcome{})
			var names []string
			for _, s := range r.Ended() {
				names = append(names, s.Name())
			}
			require.Equal(t, want, names)
		})
	}
}

type typed struct{}

func (typed) Error() string     { return "typed" }
func (typed) ErrorType() string { return "word" }

// The status table of telemetry.md.
func TestStatus(t *testing.T) {
	testkit.Guard(t)
	for _, c := range []struct {
		name      string
		o         otelx.Outcome
		code      codes.Code
		text      string
		errorType string
	}{
		{"success", otelx.Outcome{}, codes.Unset, "", ""},
		{"failure", otelx.Outcome{Result: otelx.Failure, Err: errors.New("boom")}, codes.Error, "boom", "*errors.errorString"},
		{"typed", otelx.Outcome{Result: otelx.Failure, Err: fmt.Errorf("x: %w", typed{})}, codes.Error, "x: typed", "word"},
		{"panic", otelx.Outcome{Result: otelx.Panic, Err: errors.New("panic: x\n\ngoroutine 1")}, codes.Error, "panic: x", "panic"},
		{"goexit", otelx.Outcome{Result: otelx.Goexit, Err: errors.New("exit")}, codes.Error, "exit", "goexit"},
		{"timeout", otelx.Outcome{Result: otelx.Timeout, Err: errors.New("late"), Cause: &otelx.Cause{Deadline: true}}, codes.Error, "late", "timeout"},
		{"canceled", otelx.Outcome{Result: otelx.Cancellation, Err: errors.New("c"), Cause: &otelx.Cause{}}, codes.Unset, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tp, r := provider()
			ctx := with(t, otelx.WithTracerProvider(tp))
			_, span := otelx.TracerOf(ctx).Start(ctx, otelx.SpanStart{Kind: "task"})
			span.End(c.o)
			span.End(otelx.Outcome{Result: otelx.Panic}) // R82: only the first counts
			require.Len(t, r.Ended(), 1)
			s := r.Ended()[0]
			require.Equal(t, sdktrace.Status{Code: c.code, Description: c.text}, s.Status())
			got := map[string]string{}
			for _, kv := range s.Attributes() {
				got[string(kv.Key)] = kv.Value.String()
			}
			require.Equal(t, c.errorType, got["error.type"])
			require.Equal(t, c.o.Result.String(), got["corral.task.result"])
			require.Equal(t, otelx.ScopeName, s.InstrumentationScope().Name)
			require.Equal(t, otelx.Version(), s.InstrumentationScope().Version)
		})
	}
}

func TestLinks(t *testing.T) {
	testkit.Guard(t)
	tp, r := provider()
	ctx := with(t, otelx.WithTracerProvider(tp))
	tr := otelx.TracerOf(ctx)
	ctx, root := tr.Start(ctx, otelx.SpanStart{Kind: "scope"})
	_, origin := tr.Start(ctx, otelx.SpanStart{Kind: "task", Name: "origin"})
	_, child := tr.Start(ctx, otelx.SpanStart{Kind: "task", Link: origin.Context()})
	child.End(otelx.Outcome{Result: otelx.Cancellation, Cause: &otelx.Cause{Origin: origin.Context()}})
	_, apart := tr.Start(ctx, otelx.SpanStart{Kind: "task", NewRoot: true, Link: root.Context()})
	apart.End(otelx.Outcome{Result: otelx.Cancellation, Cause: &otelx.Cause{Origin: origin.Context()}})
	spans := r.Ended()
	require.Len(t, spans[0].Links(), 1, "one link a span, however many reasons")
	require.False(t, spans[1].Parent().IsValid())
	require.Len(t, spans[1].Links(), 2)
}

func TestTextIsClipped(t *testing.T) {
	testkit.Guard(t)
	tp, r := provider()
	ctx := with(t, otelx.WithTracerProvider(tp))
	_, span := otelx.TracerOf(ctx).Start(ctx, otelx.SpanStart{Kind: "task"})
	span.End(otelx.Outcome{Result: otelx.Failure, Err: errors.New("a\xff" + strings.Repeat("é", 5000))})
	text := r.Ended()[0].Status().Description
	require.True(t, utf8.ValidString(text))
	require.LessOrEqual(t, len(text), 520)
}

type panicking struct{ sdktrace.SpanProcessor }

func (panicking) OnStart(context.Context, sdktrace.ReadWriteSpan) { panic("exporter") }

// R84: a provider that panics is reported once, and the work goes on.
func TestPanickingProvider(t *testing.T) {
	testkit.Guard(t)
	var mu sync.Mutex
	reported := 0
	before := otel.GetErrorHandler()
	defer otel.SetErrorHandler(before)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { mu.Lock(); reported++; mu.Unlock() }))
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(panicking{}))
	ctx := with(t, otelx.WithTracerProvider(tp))
	for range 3 {
		tr := otelx.TracerOf(ctx)
		inner, span := tr.Start(ctx, otelx.SpanStart{Kind: "scope"})
		require.Equal(t, ctx, inner)
		tr.Leaf(inner, &otelx.Leaf{Kind: "get"})
		span.End(otelx.Outcome{})
	}
	require.Equal(t, 1, reported)
}
