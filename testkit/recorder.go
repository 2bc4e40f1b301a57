package testkit

import (
	"context"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
)

// A Recorder keeps the spans, metrics and log events of one test. It has
// providers of its own: tests with recorders may run in parallel, and nothing
// global is touched. Give its [Recorder.Context] to what is tested.
//
// When the test ends the Recorder checks every trace and fails the test if one
// is broken: each span has ended, exactly once, inside the time of its parent and
// before it; each parent was recorded; single operations (leaf spans) have no
// children, and there is one for each operation that began, or one that counts
// it; the names of Corral's own spans, attributes and events are those it has.
//
// All methods may be called from any goroutine.
type Recorder struct {
	t       testing.TB
	inst    *otelx.Instrumentation
	spans   *spanLog
	check   *invariant.Checker
	metrics metric.Reader
	logs    *logLog
	virtual bool // made in a synctest bubble: times are exact
}

// NewRecorder returns a recorder for the test. opts shape what is recorded
// (otelx.WithLevel, otelx.WithLeafBudget); a provider among them is overruled.
func NewRecorder(t testing.TB, opts ...otelx.Option) *Recorder {
	t.Helper()
	r := &Recorder{
		t: t, spans: newSpanLog(), metrics: metric.NewManualReader(), logs: new(logLog),
		check: invariant.New(), virtual: inBubble(),
	}
	tp := r.check.Provider(sdktrace.WithSpanProcessor(r.spans))
	mp := metric.NewMeterProvider(metric.WithReader(r.metrics))
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(r.logs))
	inst, err := otelx.New(append(slices.Clone(opts), providers(tp, mp, lp)...)...)
	if err != nil {
		t.Fatalf("testkit: NewRecorder: %v", err)
	}
	r.inst = inst
	t.Cleanup(func() {
		t.Helper()
		if broken := invariant.Text(r.check.Broken()); broken != "" {
			t.Errorf("testkit: the trace of the test is broken\n\n%s\n\nthe spans that have ended:\n%s", broken, indent(r.Tree()))
		}
		ctx := context.Background()
		_ = tp.Shutdown(ctx) // what they hold is in memory: there is nothing that could fail
		_ = mp.Shutdown(ctx)
		_ = lp.Shutdown(ctx)
	})
	return r
}

// Context returns a ctx below which everything is recorded. It panics if ctx is
// nil. A span that ctx carries already may be the parent of what is recorded.
func (r *Recorder) Context(ctx context.Context) context.Context {
	if ctx == nil {
		panic("testkit: Recorder.Context with a nil ctx: pass t.Context()")
	}
	if around := trace.SpanContextFromContext(ctx); around.IsValid() {
		r.check.Outside(around)
	}
	return otelx.NewContext(ctx, r.inst)
}

// Span is a span that has ended.
type Span struct {
	Name       string
	Parent     string // name; "" for a root
	Status     string // Unset, Error or Ok
	Attributes []attribute.KeyValue
	Links      []string // names of the spans linked to
	Scope      string   // instrumentation scope
}

// Attr returns the text of an attribute, or "" if the span has none of that key.
func (s Span) Attr(key string) string {
	for _, kv := range s.Attributes {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

// Spans returns the spans that have ended so far, in the order they began. The
// name of a span that is not recorded (yet) is "?".
func (r *Recorder) Spans() []Span {
	ended, names := r.spans.ended()
	spans := make([]Span, 0, len(ended))
	for _, s := range ended {
		spans = append(spans, Span{
			Name: s.Name(), Parent: names.of(s.Parent()), Status: s.Status().Code.String(),
			Attributes: s.Attributes(), Links: names.links(s), Scope: s.InstrumentationScope().Name,
		})
	}
	return spans
}

// Span returns the one span with that name. If there is none, or more than one,
// it ends the test, with the tree of spans.
func (r *Recorder) Span(name string) Span {
	r.t.Helper()
	var found []Span
	for _, s := range r.Spans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("testkit: there are %d spans named %q, not one; the spans that have ended:\n%s", len(found), name, indent(r.Tree()))
	}
	return found[0]
}
