//go:build unix

package monitor_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// lines is a writer that passes on what it gets.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

// DumpOnSignal dumps at each signal while it runs, shows itself in the tree, and
// ends with its ctx, or with the writer's error.
func TestDumpOnSignal(t *testing.T) {
	testkit.Guard(t)
	s := scope.New(scope.Name("service"))
	require.NoError(t, s.Run(bg, func(ctx context.Context) error {
		listening := func() {
			for {
				if tasks := s.Snapshot().Tasks; len(tasks) == 1 && tasks[0].WaitingOn != nil {
					require.Equal(t, "signal", tasks[0].WaitingOn.Kind)
					return
				}
				_ = scope.Checkpoint(ctx)
			}
		}
		out := make(lines)
		c := scope.Go(ctx, func(ctx context.Context) error { return monitor.DumpOnSignal(ctx, out) }, scope.Name("dumper"))
		listening()
		for range 2 {
			require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGUSR1))
			require.Contains(t, <-out, "dumper waiting signal \"dump\"")
		}
		c.Cancel(errBoom)
		require.ErrorIs(t, c.Wait(ctx), errBoom)

		c = scope.Go(ctx, func(ctx context.Context) error {
			return monitor.DumpOnSignal(ctx, refusing{}, syscall.SIGUSR2)
		}, scope.OnError(func(context.Context, error) bool { return true }))
		listening()
		require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGUSR2))
		require.NoError(t, c.Wait(ctx))
		return nil
	}))
	ctx, cancel := context.WithCancel(bg)
	cancel()
	require.ErrorIs(t, monitor.DumpOnSignal(ctx, refusing{}), context.Canceled)
}
