package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
)

// A telemetry is the providers, what they feed, and what is fed by them.
type telemetry struct {
	spans   *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
	page    http.Handler // what Prometheus reads
	corral  *otelx.Instrumentation
}

// newTelemetry makes providers of which nothing is global. Without an address
// the spans are sampled and dropped: exemplars name spans that are sampled.
func newTelemetry(ctx context.Context, otlp string) (*telemetry, error) {
	registry := prometheus.NewRegistry() // of its own: the default one has Go's metrics already
	reader, err := otelprom.New(otelprom.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	res := resource.NewSchemaless(attribute.String("service.name", "corral-backends"))
	t := &telemetry{
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(res)),
		// Exemplars are part of OpenMetrics, not of Prometheus' older text format.
		page: promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}),
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(res)}
	if otlp != "" {
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(otlp), otlptracehttp.WithInsecure())
		if err != nil {
			return nil, err
		}
		// Blocking: a full queue holds the service back, the default would drop spans.
		opts = append(opts, sdktrace.WithBatcher(exporter, sdktrace.WithBlocking()))
	}
	t.spans = sdktrace.NewTracerProvider(opts...)

	// A small budget: the quick operations of a task share a span from the fifth on.
	t.corral, err = otelx.New(otelx.WithTracerProvider(t.spans), otelx.WithMeterProvider(t.metrics), otelx.WithLeafBudget(4))
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// close sends what has not been sent.
func (t *telemetry) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(t.spans.Shutdown(ctx), t.metrics.Shutdown(ctx))
}
