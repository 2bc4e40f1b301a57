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

// In real time, on a thread of its own: a host task is blocked in a system call,
// and it is the report that ends that.
func TestHostFrozenInASystemCall(t *testing.T) {
	testkit.Guard(t)
	var pipe [2]int
	require.NoError(t, syscall.Pipe(pipe[:]))
	defer func() { _ = syscall.Close(pipe[0]); _ = syscall.Close(pipe[1]) }()
	var seen reports
	var m *monitor.Monitor
	lasting := 0.0
	m = monitor.New(monitor.Period(ms), monitor.OnLag(20*ms, func(r monitor.Report) {
		lasting = m.Stats().Last
		seen.add(r)
		_, _ = syscall.Write(pipe[1], []byte{1})
	}))
	onHost(t, bg, true, func(ctx context.Context, _ func(func())) error {
		return m.Watch(ctx, func(ctx context.Context) error {
			for m.Stats().Samples == 0 {
				require.NoError(t, scope.Sleep(ctx, ms))
			}
			read := func(context.Context) error { _, err := syscall.Read(pipe[0], make([]byte, 1)); return err }
			return scope.Go(ctx, read, scope.Name("reader")).Wait(ctx)
		})
	})
	require.NotEmpty(t, seen.list())
	require.Greater(t, lasting, 20.0)
	r := seen.list()[0]
	require.Contains(t, r.Culprits[0].Task, "watch/reader")
	require.Contains(t, string(r.Culprits[0].Stack), "syscall.Read")
}
