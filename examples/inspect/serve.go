package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/scope"
)

// serve answers until ctx is cancelled.
func (s *shop) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.pages(), ReadHeaderTimeout: 5 * time.Second}
	scope.Go(ctx, func(ctx context.Context) error {
		err := scope.Sleep(ctx, math.MaxInt64)
		return errors.Join(err, server.Close())
	}, scope.Name("closer"))
	_, err := scope.Blocking(ctx, func() (struct{}, error) {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return struct{}{}, err
		}
		return struct{}{}, nil
	})
	return err
}

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title><h1>Shop</h1>
<p>Make trouble, and look at it in the <a href="/debug/corral/">inspector</a>.</p>
<form method="post" action="/fill"><button>Fill the queue</button> workers are slow for half a minute</form>
<form method="post" action="/linger"><button>Cancel an export</button> its upload takes half a minute to end</form>
<form method="post" action="/deadlock"><button>Deadlock</button> two tasks wait for each other</form>
`

func (s *shop) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	})
	for path, trouble := range map[string]func(){"/fill": s.fill, "/linger": s.linger, "/deadlock": s.deadlock} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			trouble()
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
	}
	mux.Handle("/debug/corral/", inspect.Handler(
		inspect.Lag("shop", s.lag),
		inspect.Watch("orders", func() inspect.Level {
			q := s.orders.Stats()
			return inspect.Level{
				Size: q.Len, Capacity: q.MaxSize, Peak: q.Peak, Waiting: q.WaitingPutters + q.WaitingGetters, Oldest: q.OldestAge,
			}
		}),
		inspect.Watch("payments", func() inspect.Level {
			l := s.payments
			return inspect.Level{Size: l.Borrowed(), Capacity: l.Total(), Waiting: l.Waiters()}
		}),
	))
	return mux
}
