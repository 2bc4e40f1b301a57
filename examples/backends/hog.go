package main

import (
	"context"
	"time"

	"github.com/corral-go/corral/scope"
)

// crowd runs that many hogs at once, again and again, until it is cancelled.
// Each has a trace of its own.
func crowd(ctx context.Context, hogs int) error {
	for hogs > 0 && ctx.Err() == nil {
		err := scope.Run(ctx, func(ctx context.Context) error {
			for range hogs {
				scope.Go(ctx, hog, scope.Name("hog"), scope.NewRoot())
			}
			return nil
		}, scope.Name("hogs"))
		if err != nil {
			return err
		}
	}
	return nil
}

// hog does what a task should not: it holds a processor, and looks at nothing.
func hog(context.Context) error {
	for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
	}
	return nil
}
