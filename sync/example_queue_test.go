package sync_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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

func ExampleNewPriorityQueue() {
	type job struct {
		priority int
		name     string
	}
	q := csync.NewPriorityQueue(0, func(a, b job) bool { return a.priority < b.priority })
	ctx := context.Background()
	for _, j := range []job{{2, "b"}, {1, "a"}, {2, "c"}} {
		_ = q.Put(ctx, j)
	}
	q.Close()
	for j := range q.All(ctx) {
		fmt.Println(j.priority, j.name)
	}
	// Output:
	// 1 a
	// 2 b
	// 2 c
}

func ExampleNewStack() {
	q := csync.NewStack[string](0)
	ctx := context.Background()
	for _, s := range []string{"a", "b", "c"} {
		_ = q.Put(ctx, s)
	}
	fmt.Println(q.CloseNow())
	// Output: [c b a]
}

// Workers that process what is put until the queue is closed; Join waits for
// the last item to be done, not only taken.
func ExampleQueue_Process() {
	jobs := csync.NewQueue[int](10, csync.Name("jobs"))
	var done atomic.Int64
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		for range 3 {
			scope.Go(ctx, func(ctx context.Context) error {
				return jobs.Process(ctx, func(_ context.Context, job int) error {
					done.Add(int64(job))
					return nil
				})
			})
		}
		for i := range 100 {
			if err := jobs.Put(ctx, i); err != nil {
				return err
			}
		}
		if err := jobs.Join(ctx); err != nil {
			return err
		}
		fmt.Println("sum of what was done:", done.Load())
		jobs.Close()
		return nil
	})
	fmt.Println(err)
	// Output:
	// sum of what was done: 4950
	// <nil>
}

func ExampleQueue_All() {
	q := csync.NewQueue[int](0)
	ctx := context.Background()
	for i := range 5 {
		_ = q.Put(ctx, i)
	}
	for i := range q.All(ctx) {
		fmt.Println(i)
		if i == 1 {
			break // the others stay
		}
	}
	fmt.Println(q.Len(), "are left")
	// Output:
	// 0
	// 1
	// 3 are left
}

func ExampleQueueStats() {
	q := csync.NewQueue[int](8, csync.Name("jobs"))
	ctx := context.Background()
	for i := range 3 {
		_ = q.Put(ctx, i)
	}
	_, _ = q.Get(ctx)
	s := q.Stats()
	fmt.Println(s.Name, s.Len, "of", s.MaxSize, "peak", s.Peak, "puts", s.Puts, "gets", s.Gets, "unfinished", s.Unfinished)
	// Output: jobs 2 of 8 peak 3 puts 3 gets 1 unfinished 3
}
