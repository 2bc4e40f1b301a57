package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

// painter makes spans with the times they are told, in milliseconds.
type painter struct {
	spans, ops trace.Tracer
}

func paint(processor sdktrace.SpanProcessor, opts ...sdktrace.TracerProviderOption) painter {
	p := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(processor))...)
	return painter{p.Tracer(otelx.ScopeName, trace.WithInstrumentationVersion("1.2.3")), p.Tracer(otelx.OpsScopeName)}
}

func at(ms float64) time.Time {
	return time.Unix(1700000000, 0).Add(time.Duration(ms * float64(time.Millisecond)))
}

// span makes a span, and what is below it while it is open.
func (p painter) span(ctx context.Context, name string, from, to float64, below func(context.Context), attrs ...attribute.KeyValue) {
	ctx, s := p.spans.Start(ctx, name, trace.WithTimestamp(at(from)), trace.WithAttributes(attrs...))
	if below != nil {
		below(ctx)
	}
	for _, a := range attrs {
		if a.Key == "error.type" {
			s.SetStatus(codes.Error, "")
		}
	}
	s.End(trace.WithTimestamp(at(to)))
}

func (p painter) op(ctx context.Context, name string, from, to float64, attrs ...attribute.KeyValue) {
	painter{spans: p.ops}.span(ctx, name, from, to, nil, attrs...)
}

var blocked = attribute.Bool("corral.op.blocked", true)

// sample is a trace with one of everything that the tree knows.
func sample(p painter) {
	ctx := context.Background()
	p.span(ctx, "task progress", 1, 2000, nil)
	p.span(ctx, "scope demo", 0, 2000, func(ctx context.Context) {
		p.op(ctx, "get results", 0, 900, blocked)
		p.op(ctx, "get results", 900, 900.01)
		p.op(ctx, "get results", 900, 1900, blocked, attribute.String("error.type", "queue_closed"))
		p.span(ctx, "task second", 5, 1999, nil, attribute.Float64("corral.task.schedule_delay", 0.000002))
		// Begun later, but spawned before.
		p.span(ctx, "task first", 6, 1000, func(ctx context.Context) {
			p.op(ctx, "put files", 10, 10.5)
			p.op(ctx, "put files", 11, 261, blocked)
			p.op(ctx, "put files", 300, 400, attribute.Int("corral.op.count", 12000),
				attribute.Float64("corral.op.time", 0.024), attribute.Float64("corral.op.max", 0.0009))
		}, attribute.Float64("corral.task.schedule_delay", 0.004))
		for i := range 4 {
			from := float64(100 * i)
			var attrs []attribute.KeyValue
			switch i {
			case 1:
				attrs = append(attrs, attribute.String("error.type", "*fs.PathError"))
			case 2:
				attrs = append(attrs, attribute.String("error.type", "timeout"), attribute.String("corral.cancel.kind", "deadline"))
			case 3:
				attrs = append(attrs, attribute.String("corral.cancel.kind", "task-failed"))
			}
			p.span(ctx, "task file", from, from+10*float64(i+1), func(ctx context.Context) {
				p.op(ctx, "put results", from, from+1)
			}, attrs...)
		}
	})
}

func TestSpanTree(t *testing.T) {
	tree := newSpanTree()
	sample(paint(tree))
	var out strings.Builder
	tree.write(&out, 40)
	writeWaits(&out, tree.waits(8))
	golden(t, "spantree.txt", []byte(out.String()))
	if len(tree.open) != 0 {
		t.Errorf("%d spans are still open", len(tree.open))
	}
}

func TestSpanTreeIsBounded(t *testing.T) {
	tree := newSpanTree()
	p := paint(tree)
	p.span(context.Background(), "scope wide", 0, 1, func(ctx context.Context) {
		for i := range 100 {
			p.op(ctx, fmt.Sprintf("get q%02d", i), 0, float64(i), blocked)
		}
	})
	var out strings.Builder
	tree.write(&out, 40)
	if lines := strings.Count(out.String(), "\n"); lines != 43 { // and an empty line, and two of headings
		t.Errorf("%d lines:\n%s", lines, &out)
	}
	wantAll(t, out.String(), "get q37", "… and 62 lines more")
	if waits := tree.waits(3); len(waits) != 3 || waits[0].what != "get q99" {
		t.Errorf("waits: %v", waits)
	}
}

func TestSpanTreeWithoutSpans(t *testing.T) {
	tree := newSpanTree()
	var out strings.Builder
	tree.write(&out, 40)
	writeWaits(&out, tree.waits(8))
	wantAll(t, out.String(), "WHAT IT DID", "nothing")
}
