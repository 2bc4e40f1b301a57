// Inspect is a program to look at: a small shop under load, with the inspector
// mounted beside it.
//
//	go run ./examples/inspect [-addr localhost:6060] [-idle 1000]
//
// Open http://localhost:6060/debug/corral/, and then make trouble with the
// buttons on http://localhost:6060/: a queue that fills, a task that was
// cancelled and takes its time, a deadlock. Ctrl-C ends it all, the deadlock too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/corral-go/corral/scope"
)

func main() {
	addr := flag.String("addr", "localhost:6060", "where to listen; the inspector answers loopback only")
	idle := flag.Int("idle", 1000, "how many tasks do nothing but wait, as connections do")
	flag.Parse()
	if err := start(context.Background(), *addr, config{*idle, 30 * time.Second}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// config is how large the shop is, and how long its exports take to clean up.
type config struct {
	idle    int
	cleanup time.Duration
}

func start(ctx context.Context, addr string, cfg config) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("shop:      http://%s/\ninspector: http://%s/debug/corral/\nCtrl-C ends it\n", l.Addr(), l.Addr())
	return run(ctx, l, cfg)
}

// run is the shop: it ends by a signal, or with ctx.
func run(ctx context.Context, l net.Listener, cfg config) error {
	err := scope.Run(ctx, func(ctx context.Context) error {
		s := newShop(ctx, cfg)
		for range 3 {
			scope.Go(ctx, s.produce, scope.Name("producer"))
		}
		for range 8 {
			scope.Go(ctx, s.work, scope.Name("worker"))
		}
		for range cfg.idle {
			scope.Go(ctx, s.connection, scope.Name("connection"))
		}
		scope.Go(ctx, s.lag.Run, scope.Name("monitor"), scope.Background())
		return s.serve(ctx, l)
	}, scope.Name("shop"), scope.Signals(time.Second))
	var by *scope.CanceledError
	if errors.As(err, &by) {
		return nil // it was asked to end
	}
	return err
}
