package sync_test

import (
	"context"
	"flag"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

var wordRounds = flag.Int("word.rounds", 20_000, "`hand-overs` of TestWordStorm; 20000000 after a change of what is done without a lock")

// What a Lock and a Semaphore do by one compare-and-swap, against what they do
// under their mutex: no lock, permit or wake-up is lost. One of them does more
// than the others, so that the line becomes empty again and again.
func TestWordStorm(t *testing.T) {
	testkit.Guard(t)
	l, s := csync.NewLock(), csync.NewSemaphore(1, csync.MaxValue(1))
	for name, c := range map[string]struct {
		acquire, release func(context.Context) error
		free             func() bool
	}{
		"lock":      {l.Acquire, l.Release, func() bool { return !l.Locked() }},
		"semaphore": {s.Acquire, func(context.Context) error { return s.Release() }, func() bool { return s.Value() == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0 // by what is tested alone
			require.NoError(t, scope.Run(background, func(ctx context.Context) error {
				for i := range 3 {
					scope.Go(ctx, func(ctx context.Context) error {
						for k := range *wordRounds / 3 {
							if err := c.acquire(ctx); err != nil {
								return err
							}
							n++
							if err := c.release(ctx); err != nil {
								return err
							}
							if i > 0 && k%8 == 0 {
								runtime.Gosched()
							}
						}
						return nil
					})
				}
				return nil
			}))
			require.Equal(t, *wordRounds/3*3, n)
			require.True(t, c.free())
		})
	}
}
