package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// startService runs the service until stop is called, and returns where its
// metrics are.
func startService(ctx context.Context, t *testing.T, cfg config) (addr string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	listens := make(chan string, 1)
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cfg.listen = "127.0.0.1:0"
		err = run(ctx, cfg, func(addr string) { listens <- addr })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case addr = <-listens:
	case <-ended:
		require.NoError(t, err)
	}
	return addr, func() {
		t.Helper()
		cancel()
		<-ended
		require.ErrorIs(t, err, context.Canceled)
	}
}
