package main

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
)

const capacity = 64

// shop is what the program's tasks share.
type shop struct {
	ctx      context.Context // of the scope: what is done on demand is spawned there
	orders   *csync.Queue[int]
	payments *csync.CapacityLimiter
	lag      *monitor.Monitor
	config
	slow atomic.Int64 // until when workers are slow, in Unix nanoseconds
}

func newShop(ctx context.Context, cfg config) *shop {
	return &shop{
		ctx: ctx, orders: csync.NewQueue[int](capacity, csync.Name("orders")),
		payments: csync.NewCapacityLimiter(3, csync.Name("payments")), lag: monitor.New(monitor.Name("shop")), config: cfg,
	}
}

func (s *shop) produce(ctx context.Context) error {
	for i := 0; ; i++ {
		if err := s.orders.Put(ctx, i); err != nil {
			return err
		}
		if err := scope.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// work takes orders, each in a scope of its own.
func (s *shop) work(ctx context.Context) error {
	for {
		if _, err := s.orders.Get(ctx); err != nil {
			return err
		}
		takes := 5 * time.Millisecond
		if time.Now().UnixNano() < s.slow.Load() {
			takes = 3 * time.Second
		}
		err := scope.Run(ctx, func(ctx context.Context) error {
			stock := task.Go(ctx, func(ctx context.Context) (int, error) { return 1, scope.Sleep(ctx, takes) }, scope.Name("stock"))
			scope.Go(ctx, func(ctx context.Context) error { return s.pay(ctx, takes/2) }, scope.Name("payment"))
			_, err := stock.Wait(ctx)
			return err
		}, scope.Name("order"), scope.Timeout(10*time.Second))
		if err != nil {
			return err
		}
	}
}

// pay has three pay at a time.
func (s *shop) pay(ctx context.Context, takes time.Duration) error {
	if err := s.payments.Acquire(ctx); err != nil {
		return err
	}
	return errors.Join(scope.Sleep(ctx, takes), s.payments.Release(ctx))
}

// connection waits for what never comes.
func (s *shop) connection(ctx context.Context) error { return scope.Sleep(ctx, math.MaxInt64) }

// fill makes workers slow for half a minute, so that the queue fills.
func (s *shop) fill() { s.slow.Store(time.Now().Add(30 * time.Second).UnixNano()) }

// linger cancels an export that takes its time to clean up.
func (s *shop) linger() {
	scope.Go(s.ctx, func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			uploading := make(chan struct{})
			scope.Go(ctx, func(ctx context.Context) error {
				close(uploading)
				if err := scope.Sleep(ctx, time.Hour); err == nil {
					return nil
				}
				return scope.Shielded(ctx, 2*s.cleanup, func(ctx context.Context) error { return scope.Sleep(ctx, s.cleanup) })
			}, scope.Name("upload"))
			<-uploading
			scope.From(ctx).Cancel(errors.New("the customer has left"), scope.By(ctx))
			return nil
		}, scope.Name("export"))
	}, scope.Name("export"))
}

// deadlock has two tasks wait for each other, until the program ends.
func (s *shop) deadlock() {
	ready := make(chan struct{})
	var invoice, shipment *task.Task[int]
	invoice = task.Go(s.ctx, func(ctx context.Context) (int, error) { <-ready; return shipment.Wait(ctx) }, scope.Name("invoice"))
	shipment = task.Go(s.ctx, func(ctx context.Context) (int, error) { <-ready; return invoice.Wait(ctx) }, scope.Name("shipment"))
	close(ready)
}
