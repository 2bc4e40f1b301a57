package sync_test

import (
	"context"
	"fmt"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

func ExampleEvent() {
	ready := csync.NewEvent(csync.Name("ready"))
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			if err := ready.Wait(ctx); err != nil {
				return err
			}
			fmt.Println("go")
			return nil
		})
		fmt.Println("ready")
		ready.Set()
		return nil
	})
	fmt.Println(err)
	// Output:
	// ready
	// go
	// <nil>
}

func ExampleBarrier() {
	var loaded [3]int
	b := csync.NewBarrier(len(loaded))
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		for i := range loaded {
			scope.Go(ctx, func(ctx context.Context) error {
				loaded[i] = i + 1
				last, err := b.Wait(ctx)
				if err == nil && last == len(loaded)-1 {
					fmt.Println("all loaded:", loaded)
				}
				return err
			})
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// all loaded: [1 2 3]
	// <nil>
}

func ExampleResourceGuard() {
	g := csync.NewResourceGuard("sending on")
	send := func(inside func()) error {
		if err := g.Enter(); err != nil {
			return err
		}
		defer g.Exit()
		inside()
		return nil
	}
	fmt.Println(send(func() { fmt.Println(send(nil)) }))
	// Output:
	// sync: resource is busy: another task is already sending on it
	// <nil>
}
