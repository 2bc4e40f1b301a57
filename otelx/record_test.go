package otelx_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
)

// recording keeps everything that is told, and holds every trace to the
// invariants when the test ends.
type recording struct {
	t       testing.TB
	begin   time.Time
	tracers *invariant.Provider
	check   *invariant.Checker // nil: what is planted in the traces is not held against them
	meters  *sdkmetric.MeterProvider
	loggers *sdklog.LoggerProvider
	reader  *sdkmetric.ManualReader
	logs    *logs

	mu       sync.Mutex // guards the rest
	started  map[trace.SpanID]string
	contexts map[string]trace.SpanContext
	ended    []sdktrace.ReadOnlySpan
}

// record returns a ctx that tells a recording, and the recording. With logs
// false nobody collects those.
func record(t testing.TB, withLogs bool, opts ...otelx.Option) (context.Context, *recording) {
	t.Helper()
	r := &recording{t: t, begin: time.Now(), logs: new(logs), check: invariant.New()}
	r.reset()
	r.reader = sdkmetric.NewManualReader()
	r.tracers = r.check.Provider(sdktrace.WithSpanProcessor(r))
	r.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	opts = append([]otelx.Option{otelx.WithTracerProvider(r.tracers), otelx.WithMeterProvider(r.meters)}, opts...)
	if withLogs {
		r.loggers = sdklog.NewLoggerProvider(sdklog.WithProcessor(r.logs))
		opts = append(opts, otelx.WithLoggerProvider(r.loggers))
	}
	inst, err := otelx.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.Empty(t, invariant.Text(r.check.Broken()), "the trace is not sound") })
	return otelx.NewContext(context.Background(), inst), r
}

func (r *recording) reset() {
	r.started, r.contexts = map[trace.SpanID]string{}, map[string]trace.SpanContext{}
}

func (r *recording) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started[s.SpanContext().SpanID()] = s.Name()
	r.contexts[s.Name()] = s.SpanContext()
}

func (r *recording) OnEnd(s sdktrace.ReadOnlySpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, s)
}

func (*recording) Shutdown(context.Context) error   { return nil }
func (*recording) ForceFlush(context.Context) error { return nil }

// operations returns, by kind, how many operations the spans stand for.
func (r *recording) operations() map[string]int {
	sums := map[string]int{}
	for _, s := range r.spans() {
		kind, _, _ := strings.Cut(s.Name(), " ")
		n := 1
		if v, ok := value(s.Attributes(), "corral.op.count"); ok {
			n = int(v.AsInt64())
		}
		sums[kind] += n
	}
	return sums
}

func (r *recording) spans() []sdktrace.ReadOnlySpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ended)
}

// named returns the spans of a name, in the order in which they ended.
func (r *recording) named(name string) (list []sdktrace.ReadOnlySpan) {
	for _, s := range r.spans() {
		if s.Name() == name {
			list = append(list, s)
		}
	}
	return list
}

// one returns the only span of a name.
func (r *recording) one(name string) sdktrace.ReadOnlySpan {
	r.t.Helper()
	list := r.named(name)
	require.Len(r.t, list, 1, name)
	return list[0]
}

// nameOf returns the name of the span that sc belongs to.
func (r *recording) nameOf(sc trace.SpanContext) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started[sc.SpanID()]
}

// linked returns the names of the spans that s is linked to.
func (r *recording) linked(s sdktrace.ReadOnlySpan) (names []string) {
	for _, l := range s.Links() {
		names = append(names, r.nameOf(l.SpanContext))
	}
	return names
}

func value(attrs []attribute.KeyValue, key string) (attribute.Value, bool) {
	for _, kv := range attrs {
		if string(kv.Key) == key {
			return kv.Value, true
		}
	}
	return attribute.Value{}, false
}

// text returns an attribute as text, "" if there is none.
func text(s sdktrace.ReadOnlySpan, key string) string {
	v, ok := value(s.Attributes(), key)
	if !ok {
		return ""
	}
	return printed(v)
}

func printed(v attribute.Value) string {
	if v.Type() == attribute.FLOAT64 {
		return fmt.Sprintf("%.9f", v.AsFloat64())
	}
	return v.String()
}

// tree prints the spans: name, when and how long (in virtual time), parent by
// indentation, status, attributes, events, links.
func (r *recording) tree() string {
	children := map[trace.SpanID][]sdktrace.ReadOnlySpan{}
	for _, s := range r.spans() {
		children[s.Parent().SpanID()] = append(children[s.Parent().SpanID()], s)
	}
	var b strings.Builder
	var walk func(id trace.SpanID, indent string)
	walk = func(id trace.SpanID, indent string) {
		list := children[id]
		slices.SortStableFunc(list, func(x, y sdktrace.ReadOnlySpan) int {
			if c := x.StartTime().Compare(y.StartTime()); c != 0 {
				return c
			}
			if c := strings.Compare(x.Name(), y.Name()); c != 0 {
				return c
			}
			return x.EndTime().Compare(y.EndTime())
		})
		for _, s := range list {
			fmt.Fprintf(&b, "%s%s (%v +%v)", indent, s.Name(), s.StartTime().Sub(r.begin), s.EndTime().Sub(s.StartTime()))
			if c := s.Status().Code; c != codes.Unset {
				fmt.Fprintf(&b, " [%s: %s]", c, s.Status().Description)
			}
			b.WriteString("\n")
			for _, line := range lines(s.Attributes()) {
				fmt.Fprintf(&b, "%s    | %s\n", indent, line)
			}
			for _, e := range s.Events() {
				fmt.Fprintf(&b, "%s    * %s (%v) %s\n", indent, e.Name, e.Time.Sub(r.begin), strings.Join(lines(e.Attributes), " "))
			}
			for _, l := range r.linked(s) {
				fmt.Fprintf(&b, "%s    → %s\n", indent, l)
			}
			walk(s.SpanContext().SpanID(), indent+"  ")
		}
	}
	walk(trace.SpanID{}, "")
	return b.String()
}

// lines prints attributes, sorted; ids and stacks, which differ from run to
// run, by their presence.
func lines(attrs []attribute.KeyValue) (list []string) {
	for _, kv := range attrs {
		switch kv.Key {
		case "corral.task.id", "exception.stacktrace":
			list = append(list, string(kv.Key))
		default:
			list = append(list, string(kv.Key)+"="+printed(kv.Value))
		}
	}
	slices.Sort(list)
	return list
}

// logs keeps log records.
type logs struct {
	mu   sync.Mutex // guards list
	list []sdklog.Record
}

func (l *logs) OnEmit(_ context.Context, r *sdklog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r.Clone())
	return nil
}

func (*logs) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (*logs) Shutdown(context.Context) error                         { return nil }
func (*logs) ForceFlush(context.Context) error                       { return nil }

func (l *logs) all() []sdklog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

func attrsOf(r sdklog.Record) (attrs []attribute.KeyValue) {
	r.WalkAttributes(func(kv attribute.KeyValue) bool { attrs = append(attrs, kv); return true })
	return attrs
}

// spanOf returns the context of the span of a name that has started last.
func (r *recording) spanOf(name string) trace.SpanContext {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contexts[name]
}
