package sync_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

func ExampleLock() {
	l := csync.NewLock(csync.Name("db"))
	balance := 100
	withdraw := func(ctx context.Context) error {
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		defer func() { _ = l.Release(ctx) }()
		balance -= 30
		return nil
	}
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		for range 3 {
			scope.Go(ctx, withdraw)
		}
		return nil
	})
	fmt.Println(balance, err)
	// Output: 10 <nil>
}

// The owner that has ended without releasing the lock is named.
func ExampleLock_broken() {
	l := csync.NewLock(csync.Name("db"))
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		payment := scope.Go(ctx, l.Acquire, scope.Name("payment"))
		if err := payment.Wait(ctx); err != nil {
			return err
		}
		err := l.Acquire(ctx)
		fmt.Println(errors.Is(err, csync.ErrBrokenLock))
		fmt.Println(err)
		return nil
	}, scope.Name("checkout"))
	fmt.Println(err)
	// Output:
	// true
	// sync: lock db is broken: its owner checkout/payment ended without releasing it
	// <nil>
}

func ExampleLockStats() {
	l := csync.NewLock(csync.Name("db"))
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		_ = l.Acquire(ctx)
		fmt.Printf("%+v\n", l.Stats())
		return l.Release(ctx)
	}, scope.Name("checkout"))
	// Output: {Name:db Owner:checkout Waiters:0}
}

func ExampleCondition() {
	changed := csync.NewCondition(nil)
	stock := 0
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			if err := changed.Acquire(ctx); err != nil {
				return err
			}
			defer func() { _ = changed.Release(ctx) }()
			if err := changed.WaitFor(ctx, func() bool { return stock >= 3 }); err != nil {
				return err
			}
			fmt.Println("sold", stock)
			return nil
		})
		for range 3 {
			if err := changed.Acquire(ctx); err != nil {
				return err
			}
			stock++
			_ = changed.NotifyAll(ctx)
			_ = changed.Release(ctx)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// sold 3
	// <nil>
}

func ExampleResourceLock() {
	files := csync.NewResourceLock[string](csync.Name("files"))
	lines := map[string]*int{"a": new(int), "b": new(int)}
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		for _, name := range []string{"a", "b", "a"} {
			scope.Go(ctx, func(ctx context.Context) error {
				return files.Do(ctx, name, func(context.Context) error {
					*lines[name]++ // nobody else is at this file now
					return nil
				})
			})
		}
		return nil
	})
	fmt.Println(*lines["a"], *lines["b"], files.Len(), err)
	// Output: 2 1 0 <nil>
}
