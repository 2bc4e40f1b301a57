package guest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
)

// A host is any loop that calls the functions it is given, on its own thread.
// Its guest's tasks run between its own events and may touch what is the loop's.
func ExampleStart() {
	events := make(chan func(), 16)
	label := "" // belongs to the loop

	quit := false
	_, err := guest.Start(context.Background(), guest.Host{RunSyncSoonThreadsafe: func(fn func()) { events <- fn }},
		func(ctx context.Context) (int, error) {
			fetch := scope.Go(ctx, func(ctx context.Context) error {
				label = "loading" // on the loop's thread
				if err := scope.Sleep(ctx, time.Millisecond); err != nil {
					return err
				}
				fmt.Println(label)
				label = "loaded"
				return nil
			})
			return 42, fetch.Wait(ctx) // the loop goes on
		},
		func(out guest.Outcome[int]) {
			fmt.Println(label, out.Value, out.Err)
			quit = true
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	for !quit {
		(<-events)()
	}
	// Output:
	// loading
	// loaded 42 <nil>
}

// A window that is closed cancels its tasks, and the loop ends when they have.
func ExampleGuest_Cancel() {
	events := make(chan func(), 16)
	quit := false
	g, err := guest.Start(context.Background(), guest.Host{RunSyncSoonThreadsafe: func(fn func()) { events <- fn }},
		func(ctx context.Context) (struct{}, error) {
			defer fmt.Println("cleaned up")
			return struct{}{}, scope.Sleep(ctx, time.Hour)
		},
		func(out guest.Outcome[struct{}]) {
			fmt.Println(errors.Is(out.Err, context.Canceled))
			quit = true
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	(<-events)()                          // main runs until it waits
	g.Cancel(errors.New("window closed")) // an event of the host's
	for !quit {
		(<-events)()
	}
	<-g.Done()
	// Output:
	// cleaned up
	// true
}

// What a goroutine has to do on the host's thread.
func ExampleRunOnHost() {
	events := make(chan func(), 16)
	progress := 0 // belongs to the loop
	quit := false
	_, err := guest.Start(context.Background(), guest.Host{RunSyncSoonThreadsafe: func(fn func()) { events <- fn }},
		func(ctx context.Context) (int, error) {
			return scope.Blocking(ctx, func() (int, error) { // on a goroutine
				for range 3 {
					if _, err := guest.RunOnHost(ctx, func() (int, error) { progress++; return progress, nil }); err != nil {
						return 0, err
					}
				}
				return 100, nil
			})
		},
		func(out guest.Outcome[int]) { fmt.Println(progress, out.Value, out.Err); quit = true })
	if err != nil {
		fmt.Println(err)
		return
	}
	for !quit {
		(<-events)()
	}
	// Output: 3 100 <nil>
}
