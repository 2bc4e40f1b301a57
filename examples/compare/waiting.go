package main

import (
	"context"
	"sync"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
)

// queueItems is how many items one iteration hands over.
const queueItems = 1024

func bareFuture(l loop, _ int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.Loop() {
		result := make(chan int, 1)
		result <- 1
		select {
		case v := <-result:
			same(v, 1)
		case <-ctx.Done():
		}
	}
}

func corralFuture(ctx context.Context, l loop, _ int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		for l.Loop() {
			f := task.NewFuture[int](ctx)
			must(f.SetResult(1))
			v, err := f.Wait(ctx)
			must(err)
			same(v, 1)
		}
		return nil
	}))
}

func bareReading(l loop, _ int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	close(done)
	for l.Loop() {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

func corralReading(ctx context.Context, l loop, _ int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		f := task.NewFuture[int](ctx)
		must(f.SetResult(1))
		for l.Loop() {
			v, err := f.Wait(ctx)
			must(err)
			same(v, 1)
		}
		return nil
	}))
}

func bareWaking(l loop, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.Loop() {
		l.StopTimer()
		done := make(chan struct{})
		var ready, wg sync.WaitGroup
		ready.Add(n)
		for range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				ready.Done()
				select {
				case <-done:
				case <-ctx.Done():
				}
			}()
		}
		settle(&ready)
		l.StartTimer()
		close(done)
		wg.Wait()
	}
}

func corralWaking(ctx context.Context, l loop, n int) {
	for l.Loop() {
		l.StopTimer()
		var ready sync.WaitGroup
		ready.Add(n)
		must(scope.Run(ctx, func(ctx context.Context) error {
			f := task.NewFuture[int](ctx)
			for range n {
				scope.Go(ctx, func(ctx context.Context) error {
					ready.Done()
					_, err := f.Wait(ctx)
					return err
				})
			}
			settle(&ready)
			l.StartTimer()
			return f.SetResult(1)
		}))
	}
}

func bareQueueAlone(l loop, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	items := make(chan int, n)
	for l.Loop() {
		must(send(ctx, items, 1))
		v, err := receive(ctx, items)
		must(err)
		same(v, 1)
	}
}

func corralQueueAlone(ctx context.Context, l loop, n int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](n)
		for l.Loop() {
			must(q.Put(ctx, 1))
			v, err := q.Get(ctx)
			must(err)
			same(v, 1)
		}
		return nil
	}))
}

func send(ctx context.Context, items chan<- int, v int) error {
	select {
	case items <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func receive(ctx context.Context, items <-chan int) (int, error) {
	select {
	case v := <-items:
		return v, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// bareQueue passes items through a channel from clients to as many others.
func bareQueue(clients int) func(loop, int) {
	return func(l loop, bound int) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for l.Loop() {
			items := make(chan int, bound)
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					for range queueItems / clients {
						must(send(ctx, items, 1))
					}
				})
				wg.Go(func() {
					for range queueItems / clients {
						_, err := receive(ctx, items)
						must(err)
					}
				})
			}
			wg.Wait()
		}
	}
}

// corralQueue is bareQueue with tasks and a queue.
func corralQueue(clients int) func(context.Context, loop, int) {
	return func(ctx context.Context, l loop, bound int) {
		for l.Loop() {
			q := csync.NewQueue[int](bound)
			must(scope.Run(ctx, func(ctx context.Context) error {
				for range clients {
					scope.Go(ctx, func(ctx context.Context) error {
						for range queueItems / clients {
							if err := q.Put(ctx, 1); err != nil {
								return err
							}
						}
						return nil
					})
					scope.Go(ctx, func(ctx context.Context) error {
						for range queueItems / clients {
							if _, err := q.Get(ctx); err != nil {
								return err
							}
						}
						return nil
					})
				}
				return nil
			}))
		}
	}
}
