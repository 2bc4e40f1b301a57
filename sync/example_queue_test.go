package sync_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

func ExampleQueue() {
	jobs := csync.NewQueue[int](2, csync.Name("jobs"))
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			defer jobs.Close()
			for i := range 4 {
				if err := jobs.Put(ctx, i); err != nil { // waits while two are in the queue
					return err
				}
			}
			return nil
		})
		for {
			i, err := jobs.Get(ctx)
			if errors.Is(err, csync.ErrQueueClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			fmt.Println("job", i)
		}
	})
	fmt.Println(err)
	// Output:
	// job 0
	// job 1
	// job 2
	// job 3
	// <nil>
}
