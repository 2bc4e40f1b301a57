package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// An otlpExporter sends spans to a collector as OTLP/HTTP with JSON. It exists
// so that the example needs no exporter module; a service uses
// go.opentelemetry.io/otel/exporters/otlp/otlptrace, which also retries.
//
// After the first failure it sends nothing more and counts what is lost: a
// collector that is not there must not hold up the run.
type otlpExporter struct {
	url    string
	client *http.Client

	mu         sync.Mutex // guards the rest
	sent, lost int
	failure    error // the first
}

// otlpURL makes the address to post to of what -otlp was given.
func otlpURL(endpoint string) (string, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("-otlp %q: want host:port of a collector, such as localhost:4318", endpoint)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "4318")
	}
	return u.JoinPath("v1", "traces").String(), nil
}

// newOTLPExporter makes an exporter that gives each request so much time.
func newOTLPExporter(url string, timeout time.Duration) *otlpExporter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &otlpExporter{url: url, client: &http.Client{Transport: transport, Timeout: timeout}}
}

// ExportSpans sends one batch. It never returns an error: what went wrong is in
// outcome, once, rather than on the screen for every batch.
func (e *otlpExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		e.lost += len(spans)
		return nil
	}
	rejected, err := e.post(ctx, spans)
	if err != nil {
		e.failure = err
	}
	e.lost += rejected
	e.sent += len(spans) - rejected
	return nil
}

// Shutdown closes the connections.
func (e *otlpExporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// outcome returns how many spans the collector took, how many it did not, and
// why.
func (e *otlpExporter) outcome() (sent, lost int, failure error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sent, e.lost, e.failure
}

// post returns how many spans were not taken.
func (e *otlpExporter) post(ctx context.Context, spans []sdktrace.ReadOnlySpan) (rejected int, err error) {
	body, err := json.Marshal(encodeSpans(spans))
	if err != nil {
		return len(spans), err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return len(spans), err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	if err != nil {
		return len(spans), err // says POST, the address, and why
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch {
	case resp.StatusCode/100 != 2:
		return len(spans), fmt.Errorf("POST %s: %s: %s", e.url, resp.Status, shorten(printable(strings.TrimSpace(string(answer))), 200))
	case err != nil:
		return len(spans), fmt.Errorf("POST %s: reading the answer: %w", e.url, err)
	}
	var partial struct {
		PartialSuccess struct {
			RejectedSpans json.RawMessage `json:"rejectedSpans"` // a number, or one in quotes
			ErrorMessage  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &partial) != nil {
		return 0, nil // an answer that is no JSON is still a 200
	}
	n, _ := strconv.Atoi(strings.Trim(string(partial.PartialSuccess.RejectedSpans), `"`))
	if n > 0 {
		err = errors.New("the collector refused spans: " + shorten(printable(partial.PartialSuccess.ErrorMessage), 200))
	}
	return min(max(n, 0), len(spans)), err
}

// The JSON form of OTLP, as far as spans need it: ids in hexadecimal, 64-bit
// numbers in quotes, enumerations as numbers.
type (
	otlpRequest struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	otlpSpan struct {
		TraceID           string          `json:"traceId"`
		SpanID            string          `json:"spanId"`
		TraceState        string          `json:"traceState,omitempty"`
		ParentSpanID      string          `json:"parentSpanId,omitempty"`
		Flags             uint32          `json:"flags,omitempty"`
		Name              string          `json:"name"`
		Kind              int             `json:"kind"`
		Start             int64           `json:"startTimeUnixNano,string"`
		End               int64           `json:"endTimeUnixNano,string"`
		Attributes        []otlpAttribute `json:"attributes,omitempty"`
		DroppedAttributes int             `json:"droppedAttributesCount,omitempty"`
		Events            []otlpEvent     `json:"events,omitempty"`
		DroppedEvents     int             `json:"droppedEventsCount,omitempty"`
		Links             []otlpLink      `json:"links,omitempty"`
		DroppedLinks      int             `json:"droppedLinksCount,omitempty"`
		Status            otlpStatus      `json:"status"`
	}
	otlpEvent struct {
		Time       int64           `json:"timeUnixNano,string"`
		Name       string          `json:"name"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpLink struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		TraceState string          `json:"traceState,omitempty"`
		Flags      uint32          `json:"flags,omitempty"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpStatus struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	otlpAttribute struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"` // one entry: the kind and the value
	}
)

// encodeSpans groups the spans of one batch, which have one resource, by
// instrumentation scope.
func encodeSpans(spans []sdktrace.ReadOnlySpan) otlpRequest {
	var rs otlpResourceSpans
	at := map[otlpScope]int{}
	for _, s := range spans {
		if r := s.Resource(); r != nil && rs.Resource.Attributes == nil {
			rs.Resource.Attributes = encodeAttributes(r.Attributes())
		}
		sc := otlpScope{s.InstrumentationScope().Name, s.InstrumentationScope().Version}
		i, ok := at[sc]
		if !ok {
			i = len(rs.ScopeSpans)
			at[sc] = i
			rs.ScopeSpans = append(rs.ScopeSpans, otlpScopeSpans{Scope: sc})
		}
		rs.ScopeSpans[i].Spans = append(rs.ScopeSpans[i].Spans, encodeSpan(s))
	}
	return otlpRequest{[]otlpResourceSpans{rs}}
}

func encodeSpan(s sdktrace.ReadOnlySpan) otlpSpan {
	c := s.SpanContext()
	o := otlpSpan{
		TraceID: c.TraceID().String(), SpanID: c.SpanID().String(), TraceState: c.TraceState().String(),
		Flags: encodeFlags(c.TraceFlags(), s.Parent().IsRemote()),
		Name:  s.Name(), Kind: int(s.SpanKind()),
		Start: s.StartTime().UnixNano(), End: s.EndTime().UnixNano(),
		Attributes: encodeAttributes(s.Attributes()), DroppedAttributes: s.DroppedAttributes(),
		DroppedEvents: s.DroppedEvents(), DroppedLinks: s.DroppedLinks(),
		Status: otlpStatus{encodeStatus(s.Status().Code), s.Status().Description},
	}
	if s.Parent().SpanID().IsValid() {
		o.ParentSpanID = s.Parent().SpanID().String()
	}
	for _, e := range s.Events() {
		o.Events = append(o.Events, otlpEvent{e.Time.UnixNano(), e.Name, encodeAttributes(e.Attributes)})
	}
	for _, l := range s.Links() {
		lc := l.SpanContext
		o.Links = append(o.Links, otlpLink{
			lc.TraceID().String(), lc.SpanID().String(), lc.TraceState().String(),
			encodeFlags(lc.TraceFlags(), lc.IsRemote()), encodeAttributes(l.Attributes),
		})
	}
	return o
}

// encodeFlags puts beside the trace flags whether the context is from another
// process: bit 8 says that bit 9 tells.
func encodeFlags(f trace.TraceFlags, remote bool) uint32 {
	flags := uint32(f) | 1<<8
	if remote {
		flags |= 1 << 9
	}
	return flags
}

// encodeStatus: OTLP counts unset, ok, error.
func encodeStatus(c codes.Code) int {
	switch c {
	case codes.Ok:
		return 1
	case codes.Error:
		return 2
	}
	return 0
}

func encodeAttributes(kvs []attribute.KeyValue) []otlpAttribute {
	as := make([]otlpAttribute, len(kvs))
	for i, kv := range kvs {
		as[i] = otlpAttribute{string(kv.Key), encodeValue(kv.Value)}
	}
	return as
}

func encodeValue(v attribute.Value) map[string]any {
	switch v.Type() {
	case attribute.BOOL:
		return map[string]any{"boolValue": v.AsBool()}
	case attribute.INT64:
		return map[string]any{"intValue": strconv.FormatInt(v.AsInt64(), 10)}
	case attribute.FLOAT64:
		return map[string]any{"doubleValue": encodeFloat(v.AsFloat64())}
	case attribute.STRING:
		return map[string]any{"stringValue": v.AsString()}
	case attribute.BOOLSLICE:
		return encodeArray(v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		return encodeArray(v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		return encodeArray(v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.STRINGSLICE:
		return encodeArray(v.AsStringSlice(), attribute.StringValue)
	case attribute.BYTESLICE:
		return map[string]any{"bytesValue": v.AsByteSlice()}
	case attribute.SLICE:
		return encodeArray(v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		return map[string]any{"kvlistValue": map[string]any{"values": encodeAttributes(v.AsMap())}}
	}
	return map[string]any{} // no value
}

func encodeArray[T any](list []T, value func(T) attribute.Value) map[string]any {
	values := make([]map[string]any, len(list))
	for i, x := range list {
		values[i] = encodeValue(value(x))
	}
	return map[string]any{"arrayValue": map[string]any{"values": values}}
}

// encodeFloat: JSON has no word for what is not a number.
func encodeFloat(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}
