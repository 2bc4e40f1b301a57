package testkit

import (
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
)

// providers are the options that send everything to the recorder.
func providers(tp trace.TracerProvider, mp *metric.MeterProvider, lp *sdklog.LoggerProvider) []otelx.Option {
	return []otelx.Option{otelx.WithTracerProvider(tp), otelx.WithMeterProvider(mp), otelx.WithLoggerProvider(lp)}
}
