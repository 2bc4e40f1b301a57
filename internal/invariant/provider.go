package invariant

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// A Provider is the SDK's tracer provider, and tells a Checker what the SDK does
// not tell span processors: that a span is ended again, and that an operation
// begins. Everything else goes to the SDK as it is.
type Provider struct {
	embedded.TracerProvider
	sdk   *sdktrace.TracerProvider
	check *Checker
}

// Provider returns a provider whose spans c checks. It samples everything, unless
// opts say otherwise; with a sampler that leaves something out see
// [Checker.DoNotCount].
func (c *Checker) Provider(opts ...sdktrace.TracerProviderOption) *Provider {
	all := append([]sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithSpanProcessor(c),
	}, opts...)
	return &Provider{sdk: sdktrace.NewTracerProvider(all...), check: c}
}

// Tracer is part of [trace.TracerProvider].
func (p *Provider) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	return &tracer{sdk: p.sdk.Tracer(name, opts...), p: p}
}

// BeginOperation is called by package otelx for each operation that is to be
// told, before it does anything.
func (p *Provider) BeginOperation(ctx context.Context) { p.check.began(ctx, 1) }

// LeaveOutOperation is called for one that is not told after all, because the
// level leaves it out.
func (p *Provider) LeaveOutOperation(ctx context.Context) { p.check.began(ctx, -1) }

// Shutdown shuts the SDK's provider down.
func (p *Provider) Shutdown(ctx context.Context) error { return p.sdk.Shutdown(ctx) }

// ForceFlush flushes the SDK's provider.
func (p *Provider) ForceFlush(ctx context.Context) error { return p.sdk.ForceFlush(ctx) }

type tracer struct {
	embedded.Tracer
	sdk trace.Tracer
	p   *Provider
}

// Start is part of [trace.Tracer]. The SDK finds its own span in ctx.
func (t *tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	if around, ok := trace.SpanFromContext(ctx).(*span); ok {
		ctx = trace.ContextWithSpan(ctx, around.ReadWriteSpan)
	}
	inner, sdk := t.sdk.Start(ctx, name, opts...)
	var s trace.Span
	if rw, ok := sdk.(sdktrace.ReadWriteSpan); ok {
		s = &span{ReadWriteSpan: rw, p: t.p}
	} else {
		s = unrecorded{sdk, t.p} // not sampled
	}
	return trace.ContextWithSpan(inner, s), s
}

// A span is one of the SDK's. It differs in two things: who its provider is, and
// that each End is counted.
type span struct {
	sdktrace.ReadWriteSpan
	p *Provider
}

func (s *span) TracerProvider() trace.TracerProvider { return s.p }

func (s *span) End(opts ...trace.SpanEndOption) {
	s.p.check.ending(s.SpanContext().SpanID())
	s.ReadWriteSpan.End(opts...)
}

// unrecorded is a span that is not sampled. Its provider is still the one that
// made it.
type unrecorded struct {
	trace.Span
	p *Provider
}

func (s unrecorded) TracerProvider() trace.TracerProvider { return s.p }
