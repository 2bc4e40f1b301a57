package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
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
	testkit.Guard(t)
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

// decoded is a JSON answer, or nil.
func decoded(w *httptest.ResponseRecorder) (out map[string]any) {
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	return out
}

// get gets a JSON answer.
func get(t *testing.T, h http.Handler, target string) map[string]any {
	t.Helper()
	w := serve(h, local("GET", "/debug/corral/"+target))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	out := decoded(w)
	require.NotNil(t, out, w.Body.String())
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

// hostile are names that want to be markup, steer a terminal, pass for something
// else, or be too much.
var hostile = []string{
	"<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "&lt;b&gt;", "\"'`", "javascript:alert(1)",
	"\x1b[2J\x1b[1;31mred", "\u009b31mcsi", "two\nlines", "\u202egnirts", "zero\u200bwidth", "bad\xff\xfeutf", "nul\x00", "\u2028", "\U000e0041tag",
	"naïve_Näme ✓ 漢字 🙂", strings.Repeat("long", 1000), "{{7*7}}", "$trace_id{trace_id}", "../../etc/passwd", "a/b",
}

// busy fills a scope with one of everything.
func busy(ctx context.Context) error {
	jobs := csync.NewQueue[int](0, csync.Name("jobs"))
	for range 97 {
		scope.Go(ctx, func(ctx context.Context) error { _, err := jobs.Get(ctx); return err }, scope.Name("worker"))
	}
	for range 3 {
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, forever, scope.Name("read"))
				return forever(ctx)
			}, scope.Name("conn"), scope.Shield(), scope.Timeout(time.Hour), scope.MoveOn())
		}, scope.Name("handler"))
	}
	scope.Go(ctx, func(ctx context.Context) error { // cancelled, and has not ended
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Shielded(ctx, time.Minute, sleep(30*time.Second))
			}, scope.Name("flush"))
			time.Sleep(time.Millisecond)
			inner := &scope.CanceledError{Kind: scope.KindDeadline, Scope: "client/call", At: time.Now()}
			scope.From(ctx).Cancel(fmt.Errorf("the user left: %w", inner), scope.By(ctx))
			return nil
		}, scope.Name("request"))
	}, scope.Name("request"))
	one := scope.Go(ctx, func(context.Context) error { time.Sleep(30 * time.Second); return nil }, scope.Name("stubborn"))
	time.Sleep(2 * time.Millisecond)
	one.Cancel(errors.New("not needed any more"))

	ready := make(chan struct{})
	var a, b *scope.Child
	a = scope.Go(ctx, func(ctx context.Context) error { <-ready; return b.Wait(ctx) }, scope.Name("a"))
	b = scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("b"))
	close(ready)
	made := make(chan *task.Future[int], 1)
	scope.Go(ctx, func(ctx context.Context) error { made <- task.NewFuture[int](ctx, task.Name("reply")); return nil }, scope.Name("maker"))
	lost := <-made
	scope.Go(ctx, func(ctx context.Context) error { _, err := lost.Wait(ctx); return err }, scope.Name("waiter"))
	for _, name := range hostile {
		q := csync.NewQueue[int](0, csync.Name(name))
		scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name(name))
	}
	return nil
}
