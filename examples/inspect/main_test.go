package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The shop runs, shows its deadlock and its lingering export, and ends.
func TestShop(t *testing.T) {
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancelCause(context.Background())
	done := make(chan error)
	go func() { done <- run(ctx, l, config{idle: 10, cleanup: time.Second}) }()
	client := &http.Client{}
	defer client.CloseIdleConnections()
	base := "http://" + l.Addr().String()
	ask := func(method, path string, into any) {
		req, err := http.NewRequestWithContext(ctx, method, base+path, nil)
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode, "%s: %s", path, body)
		if into != nil {
			require.NoError(t, json.Unmarshal(body, into))
		}
	}
	ask("GET", "/", nil)
	for _, trouble := range []string{"/fill", "/deadlock"} {
		ask("POST", trouble, nil)
	}
	for { // until it is seen: answers are good for half a second
		var waits struct{ Stuck []struct{ Kind string } }
		ask("GET", "/debug/corral/waits.json", &waits)
		var open struct{ List []struct{ Path string } }
		ask("GET", "/debug/corral/cancellations.json", &open)
		if len(waits.Stuck) > 0 && len(open.List) > 0 {
			require.Equal(t, "deadlock", waits.Stuck[0].Kind)
			require.Equal(t, "shop/export/export", open.List[0].Path)
			break
		}
		if len(open.List) == 0 { // not there yet, or over already
			ask("POST", "/linger", nil)
		}
	}
	client.CloseIdleConnections()
	stop(errors.New("enough"))
	require.NoError(t, <-done)
}
