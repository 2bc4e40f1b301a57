package main

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A mode is how much telemetry there is for Corral to write.
type mode uint8

const (
	off       mode = iota // no SDK
	unsampled             // a parent that is not sampled
	sampled               // a parent that is, and a processor that throws away
)

var modes = map[mode]string{off: "off", unsampled: "unsampled", sampled: "sampled"}

// discard is a processor that costs nothing: what is measured is the making
// of spans, not their export.
type discard struct{}

func (discard) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discard) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discard) Shutdown(context.Context) error                  { return nil }
func (discard) ForceFlush(context.Context) error                { return nil }

// begin returns a context of mode m. Corral takes the provider of the span in
// ctx, so nothing global is touched.
func (m mode) begin() (ctx context.Context, end func()) {
	ctx = context.Background()
	if m == off {
		return ctx, func() {}
	}
	sampler := sdktrace.NeverSample()
	if m == sampled {
		sampler = sdktrace.AlwaysSample()
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(discard{}))
	ctx, span := provider.Tracer("compare").Start(ctx, "root")
	return ctx, func() {
		span.End()
		_ = provider.Shutdown(context.Background())
	}
}

// inMode gives run a context of mode m.
func inMode(m mode, run func(ctx context.Context, l loop, n int)) func(loop, int) {
	return func(l loop, n int) {
		ctx, end := m.begin()
		defer end()
		run(ctx, l, n)
	}
}

// everyWay makes one peer of each mode.
func everyWay(name string, run func(ctx context.Context, l loop, n int)) []peer {
	var peers []peer
	for _, m := range []mode{off, unsampled, sampled} {
		peers = append(peers, peer{name + "/" + modes[m], inMode(m, run)})
	}
	return peers
}
