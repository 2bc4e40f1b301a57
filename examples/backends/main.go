// Backends is a small service whose telemetry goes where it is meant to go: the
// spans over OTLP into a Collector, the metrics into Prometheus, with exemplars
// that lead from a bad bucket to the trace of who caused it.
//
//	go run . [-listen 127.0.0.1:2112] [-otlp localhost:4318]
//
// It packs orders, without end; stop it with Ctrl-C. The tests run it with a
// real Collector and a real Prometheus: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:2112", "serve /metrics on this `address`")
	otlp := flag.String("otlp", "", "send the spans to a collector at `host:port` (OTLP over HTTP); empty: drop them")
	flag.Parse()
	if err := run(context.Background(), *listen, *otlp, func(addr string) { fmt.Printf("metrics are on http://%s/metrics\n", addr) }); err != nil {
		fmt.Fprintf(os.Stderr, "backends: %v\n", err)
		os.Exit(1)
	}
}

// grace is how long the first Ctrl-C waits for what was begun.
const grace = 5 * time.Second

// run is the service, until ctx is cancelled or a signal comes. It calls
// listening once, with the address of /metrics.
func run(ctx context.Context, listen, otlp string, listening func(addr string)) (err error) {
	tel, err := newTelemetry(ctx, otlp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.close()) }()
	shop, err := newShop(tel.metrics.Meter("shop"))
	if err != nil {
		return err
	}

	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	listening(l.Addr().String())

	return scope.Run(otelx.NewContext(ctx, tel.corral), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error { return serve(ctx, l, tel.page) }, scope.Name("metrics"), scope.Background())
		return shop.run(ctx)
	}, scope.Name("service"), scope.Signals(grace))
}

// serve answers with page until ctx is cancelled.
func serve(ctx context.Context, l net.Listener, page http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", page)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}
