package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// counted makes ids that a golden file can hold.
type counted struct{ n uint64 }

func (c *counted) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id := trace.TraceID{0xab}
	span := c.NewSpanID(ctx, id)
	copy(id[8:], span[:])
	return id, span
}

func (c *counted) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	c.n++
	binary.BigEndian.PutUint64(id[:], c.n|0xcd<<56)
	return id
}

// everySpan has every field set in one or the other span.
func everySpan(t *testing.T) []sdktrace.ReadOnlySpan {
	t.Helper()
	rec := tracetest.NewSpanRecorder()
	p := paint(rec, sdktrace.WithIDGenerator(new(counted)), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "test"))))
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true,
	})
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), remote)
	ctx, s := p.spans.Start(ctx, "scope demo", trace.WithTimestamp(at(0)), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithLinks(trace.Link{SpanContext: remote, Attributes: []attribute.KeyValue{attribute.Bool("link", true)}}))
	s.SetAttributes(
		attribute.Bool("bool", true), attribute.Int64("int", math.MaxInt64), attribute.Float64("float", 0.25),
		attribute.Float64("nan", math.NaN()), attribute.Float64("inf", math.Inf(1)), attribute.Float64("-inf", math.Inf(-1)),
		attribute.String("string", "a\xffb"), attribute.BoolSlice("bools", []bool{true, false}), attribute.Int64Slice("ints", []int64{1, -2}),
		attribute.Float64Slice("floats", []float64{1, 2.5}), attribute.StringSlice("strings", []string{"a", ""}),
		attribute.StringSlice("none", nil),
		attribute.KeyValue{Key: "bytes", Value: attribute.ByteSliceValue([]byte("hello"))},
		attribute.KeyValue{Key: "list", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("x"))},
		attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.Int("k", 1))},
	)
	s.AddEvent("corral.cancel", trace.WithTimestamp(at(1)), trace.WithAttributes(attribute.Int("tasks", 3)))
	_, leaf := p.ops.Start(ctx, "get files", trace.WithTimestamp(at(1)))
	leaf.SetStatus(codes.Ok, "")
	leaf.End(trace.WithTimestamp(at(1.5)))
	s.SetStatus(codes.Error, "it failed")
	s.End(trace.WithTimestamp(at(2)))
	p.span(context.Background(), "scope other", 3, 4, nil)
	return rec.Ended()
}

func TestOTLP(t *testing.T) {
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s of %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := json.Indent(&got, body, "", "  "); err != nil {
			t.Error(err)
		}
		got.WriteByte('\n')
		fmt.Fprint(w, `{"partialSuccess":{}}`)
	}))
	defer collector.Close()
	e := exporterTo(t, collector.URL, time.Minute)
	if err := e.ExportSpans(t.Context(), everySpan(t)); err != nil {
		t.Error(err)
	}
	if sent, lost, err := e.outcome(); sent != 3 || lost != 0 || err != nil {
		t.Errorf("sent %d, lost %d, %v", sent, lost, err)
	}
	golden(t, "otlp.json", got.Bytes())
}

// exporterTo makes an exporter that is shut down with the test.
func exporterTo(t *testing.T, endpoint string, timeout time.Duration) *otlpExporter {
	t.Helper()
	url, err := otlpURL(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	e := newOTLPExporter(url, timeout)
	t.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestOTLPFailures(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, c := range []struct {
		name     string
		answer   http.HandlerFunc
		sent     int // of the first three
		says     string
		requests int64 // at most, of two batches
	}{
		{"nobody there", nil, 0, "refused", 0},
		{"error with a reason", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "queue is full\x1b[2J", http.StatusServiceUnavailable)
		}, 0, `503 Service Unavailable: "queue is full\x1b[2J"`, 1},
		{"refuses some", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}`)
		}, 1, "refused spans: too old", 1},
		{"refuses some, as a number", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"partialSuccess":{"rejectedSpans":1,"errorMessage":"too old"}}`)
		}, 2, "refused spans: too old", 1},
		{"never answers", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, 0, "deadline exceeded", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, timeout := gone.URL, time.Minute
			if c.name == "never answers" {
				timeout = 20 * time.Millisecond
			}
			var requests atomic.Int64
			if c.answer != nil {
				collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					c.answer(w, r)
				}))
				defer collector.Close()
				url = collector.URL
			}
			e := exporterTo(t, url, timeout)
			spans := everySpan(t)
			_ = e.ExportSpans(t.Context(), spans)
			_ = e.ExportSpans(t.Context(), spans) // nothing more is sent
			sent, lost, err := e.outcome()
			if sent != c.sent || lost != 6-c.sent || err == nil || requests.Load() > c.requests {
				t.Fatalf("sent %d, lost %d, error %v, %d requests", sent, lost, err, requests.Load())
			}
			wantAll(t, err.Error(), c.says)
		})
	}
}

func TestOTLPAnswerThatIsNoJSON(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer collector.Close()
	e := exporterTo(t, collector.URL, time.Minute)
	_ = e.ExportSpans(t.Context(), everySpan(t))
	if sent, lost, err := e.outcome(); sent != 3 || lost != 0 || err != nil {
		t.Errorf("sent %d, lost %d, %v", sent, lost, err)
	}
}

func TestOTLPURL(t *testing.T) {
	for endpoint, want := range map[string]string{
		"localhost:4318":          "http://localhost:4318/v1/traces",
		"localhost":               "http://localhost:4318/v1/traces",
		"[::1]:80":                "http://[::1]:80/v1/traces",
		"https://example.org:443": "https://example.org:443/v1/traces",
		"http://gw.example/otel/": "http://gw.example:4318/otel/v1/traces",
		"":                        "",
		":4318":                   "",
		"ftp://x":                 "",
		"a b":                     "",
	} {
		if got, err := otlpURL(endpoint); got != want || (err == nil) != (want != "") {
			t.Errorf("otlpURL(%q) = %q, %v; want %q", endpoint, got, err, want)
		}
	}
}
