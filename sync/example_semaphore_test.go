package sync_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

func ExampleSemaphore() {
	s := csync.NewSemaphore(2)
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		for range 10 {
			scope.Go(ctx, func(ctx context.Context) error {
				if err := s.Acquire(ctx); err != nil { // at most two go on
					return err
				}
				return s.Release()
			})
		}
		return nil
	})
	fmt.Println(s.Value(), err)
	// Output: 2 <nil>
}

func ExampleMaxValue() {
	s := csync.NewSemaphore(1, csync.MaxValue(1))
	fmt.Println(s.Release())
	// Output: sync: semaphore was released more often than acquired
}

func ExampleCapacityLimiter() {
	connections := csync.NewCapacityLimiter(2, csync.Name("connections"))
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		_ = connections.Acquire(ctx)
		fmt.Println(errors.Is(connections.Acquire(ctx), csync.ErrAlreadyOwner))
		_ = connections.AcquireOnBehalfOf(ctx, "job 7")
		fmt.Println(connections.TryAcquireOnBehalfOf(ctx, "job 8"))
		_ = connections.SetTotal(3)
		fmt.Println(connections.TryAcquireOnBehalfOf(ctx, "job 8"))
		fmt.Println(connections.Borrowed(), "of", connections.Total())
		return connections.Release(ctx)
	})
	// Output:
	// true
	// sync: would block
	// <nil>
	// 3 of 3
}

func ExampleName() {
	l := csync.NewLock(csync.Name("db"))
	fmt.Println(l.Stats().Name)
	// Output: db
}
