package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
)

type fn = func(ctx context.Context) error

func sleep(d time.Duration) fn {
	return func(ctx context.Context) error { return scope.Sleep(ctx, d) }
}

var forever = sleep(1000 * time.Hour)

// looked runs build in a scope in virtual time, waits until everything in it is
// parked, and lets d go by before it looks.
func looked(t *testing.T, d time.Duration, build fn, look func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Name("service"))
		require.NoError(t, s.Run(context.Background(), func(ctx context.Context) error {
			if err := build(ctx); err != nil {
				return err
			}
			time.Sleep(d)
			synctest.Wait()
			look(t)
			s.Cancel(errors.New("seen"))
			return nil
		}))
	})
}

// local is a request from a browser on the same machine.
func local(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	r.Host = "localhost:6060"
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// get gets a JSON answer.
func get(t *testing.T, h http.Handler, target string) map[string]any {
	t.Helper()
	w := serve(h, local("GET", "/debug/corral/"+target))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	var out map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

// field follows keys (strings) and indices (ints) into a JSON value.
func field(t *testing.T, v any, at ...any) any {
	t.Helper()
	for _, k := range at {
		switch k := k.(type) {
		case string:
			m, ok := v.(map[string]any)
			require.True(t, ok, "%v of %v", k, v)
			v = m[k]
		case int:
			l, ok := v.([]any)
			require.True(t, ok && k < len(l), "%v of %v", k, v)
			v = l[k]
		}
	}
	return v
}
