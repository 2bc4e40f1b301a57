// Backends is a small service whose telemetry goes where it is meant to go: the
// spans over OTLP into a Collector, the metrics into Prometheus, with exemplars
// that lead from a bad bucket to the trace of who caused it.
//
//	go run . [-listen 127.0.0.1:2112] [-otlp localhost:4318] [-hogs 4]
//
// It packs orders, without end; stop it with Ctrl-C. The tests run it with a
// real Collector and a real Prometheus: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

func main() {
	var cfg config
	flag.StringVar(&cfg.listen, "listen", "127.0.0.1:2112", "serve /metrics on this `address`")
	flag.StringVar(&cfg.otlp, "otlp", "", "send the spans to a collector at `host:port` (OTLP over HTTP); empty: drop them")
	flag.IntVar(&cfg.hogs, "hogs", 0, "let `n` tasks hold the processors, to see that the metrics say who did")
	flag.Parse()
	if err := run(context.Background(), cfg, func(addr string) { fmt.Printf("metrics are on http://%s/metrics\n", addr) }); err != nil {
		fmt.Fprintf(os.Stderr, "backends: %v\n", err)
		os.Exit(1)
	}
}

// config is the command line.
type config struct {
	listen, otlp string
	hogs         int
}

const (
	grace  = 5 * time.Second       // how long the first Ctrl-C waits for what was begun
	lagged = 20 * time.Millisecond // a lag that is worth a question
)

// run is the service, until ctx is cancelled or a signal comes. It calls
// listening once, with the address of /metrics.
func run(ctx context.Context, cfg config, listening func(addr string)) (err error) {
	tel, err := newTelemetry(ctx, cfg.otlp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.close()) }()
	shop, err := newShop(tel.metrics.Meter("shop"))
	if err != nil {
		return err
	}

	l, err := net.Listen("tcp", cfg.listen)
	if err != nil {
		return err
	}
	listening(l.Addr().String())

	return scope.Run(otelx.NewContext(ctx, tel.corral), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error { return serve(ctx, l, tel.page) }, scope.Name("metrics"), scope.Background())
		scope.Go(ctx, monitor.New(monitor.Name("service"), monitor.OnLag(lagged, blame)).Run, scope.Name("monitor"), scope.Background())
		scope.Go(ctx, func(ctx context.Context) error { return crowd(ctx, cfg.hogs) }, scope.Name("crowd"), scope.Background())
		return shop.run(ctx)
	}, scope.Name("service"), scope.Signals(grace))
}

// blame says who held the processors. The metrics know, too: the exemplars of
// corral.loop.delay lead to the span of the worst.
func blame(r monitor.Report) {
	for _, c := range r.Culprits {
		slog.Warn("lag", "of", r.Lag, "task", c.Task, "cpu", c.CPU)
	}
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
