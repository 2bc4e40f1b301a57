package main

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// A shop packs orders. Of each batch one order is heavy, and one is lost.
type shop struct {
	packing metric.Float64Histogram
	scales  *csync.CapacityLimiter
}

func newShop(meter metric.Meter) (*shop, error) {
	packing, err := meter.Float64Histogram("shop.packing.duration", metric.WithUnit("s"),
		metric.WithDescription("How long it took to pack an order."),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .025, .05, .1, .25, .5, 1))
	return &shop{packing, csync.NewCapacityLimiter(scales, csync.Name("scales"))}, err
}

const (
	batchSize = 20
	packers   = 3
	scales    = 2                     // an order needs one, so a packer may have to wait for it
	pause     = 20 * time.Millisecond // between batches

	light    = time.Millisecond
	heavy    = 60 * time.Millisecond
	patience = 10 * time.Millisecond // with what is lost
)

// run packs batch after batch, each in a trace of its own, until the service
// stops.
func (s *shop) run(ctx context.Context) error {
	for {
		select {
		case <-scope.Stopping(ctx):
			return nil
		default:
		}
		if err := scope.Go(ctx, s.batch, scope.Name("batch"), scope.NewRoot()).Wait(ctx); err != nil {
			return err
		}
		if err := scope.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// batch puts orders into a bounded queue, and has packers take them out.
func (s *shop) batch(ctx context.Context) error {
	orders := csync.NewQueue[int](4, csync.Name("orders"))
	return scope.Run(ctx, func(ctx context.Context) error {
		for range packers {
			scope.Go(ctx, func(ctx context.Context) error { return s.pack(ctx, orders) }, scope.Name("packer"))
		}
		defer orders.Close()
		for order := range batchSize {
			if err := orders.Put(ctx, order); err != nil {
				return err
			}
		}
		return nil
	}, scope.Name("packing"))
}

// pack takes orders until there are no more, with a task for each.
func (s *shop) pack(ctx context.Context, orders *csync.Queue[int]) error {
	for {
		order, err := orders.Get(ctx)
		if errors.Is(err, csync.ErrQueueClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := scope.Go(ctx, func(ctx context.Context) error { return s.packOne(ctx, order) }, scope.Name("order")).Wait(ctx); err != nil {
			return err
		}
	}
}

// packOne is where a metric of the application's own is recorded. Given the
// task's ctx, its exemplars lead to the span of the task.
func (s *shop) packOne(ctx context.Context, order int) (err error) {
	if err = s.scales.Acquire(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.scales.Release(ctx)) }()
	began := time.Now()
	switch order {
	case batchSize / 2:
		err = scope.Sleep(ctx, heavy)
	case batchSize / 3:
		_, err = scope.MoveOnAfter(ctx, patience, func(ctx context.Context) error {
			return scope.Go(ctx, search, scope.Name("search")).Wait(ctx)
		}, scope.Name("lost"))
	default:
		err = scope.Sleep(ctx, light)
	}
	s.packing.Record(ctx, time.Since(began).Seconds())
	return err
}

// search looks for what is not there, until it is called off.
func search(ctx context.Context) error {
	for {
		if err := scope.Sleep(ctx, light); err != nil {
			return err
		}
	}
}
