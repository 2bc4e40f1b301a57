package invariant

import (
	"context"
	"errors"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// provider returns the SDK as a traced run installs it, and what ends it. The
// work is to be the same in every way (R84):
//
//	1       everything is sampled
//	never   nothing is
//	ratio   every other trace is
//	blocks  the exporter blocks until the run is over
//	fails   the exporter returns an error
//	panics  the exporter panics, where the span is ended
//
// The traces of the first three are checked; of the others there is nothing to
// check but that the tests pass.
func (c *Checker) provider(way string) (tp trace.TracerProvider, over func(), err error) {
	over = func() {}
	switch way {
	case "1", "":
		return c.Provider(), over, nil
	case "never":
		return c.Provider(sdktrace.WithSampler(sdktrace.NeverSample())), over, nil
	case "ratio":
		return c.Provider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(.5)))), over, nil
	case "fails":
		return sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter(func() error { return errExport }))), over, nil
	case "panics":
		return sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter(func() error { panic(errExport) }))), over, nil
	case "blocks":
		free := make(chan struct{})
		blocked := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter(func() error { <-free; return nil })))
		return blocked, func() {
			close(free)
			_ = blocked.Shutdown(context.Background())
		}, nil
	}
	return nil, nil, fmt.Errorf("CORRAL_TRACED=%s: want 1, never, ratio, blocks, fails or panics", way)
}

var errExport = errors.New("invariant: an exporter that is out of order")

// exporter does to each batch of spans what the function does.
type exporter func() error

// ExportSpans calls the function.
func (e exporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return e() }

// Shutdown does nothing.
func (e exporter) Shutdown(context.Context) error { return nil }
