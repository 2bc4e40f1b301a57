package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
)

var update = flag.Bool("update", false, "rewrite the golden files")

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

var watched = []inspect.Option{
	inspect.TraceURL("https://trace.example.org/trace/{trace_id}?span={span_id}"),
	inspect.Watch("jobs", func() inspect.Level {
		return inspect.Level{Size: 3, Capacity: 8, Peak: 8, Waiting: 2, Oldest: 1500 * time.Millisecond}
	}),
	inspect.Watch("broken", func() inspect.Level { panic("no") }),
	nil,
}

// Every answer as it stands, byte by byte, but for the ids, which are numbered as
// they come. The schema is held to these files in examples/browser.
func TestAnswersGolden(t *testing.T) {
	looked(t, 9300*time.Millisecond, busy, func(t *testing.T) {
		h := inspect.Handler(watched...)
		handler := golden(t, h, "tree", "tree.json")
		in := regexp.MustCompile(`"id":(\d+),"count":3,"name":"handler"`).FindStringSubmatch(handler)
		require.Len(t, in, 2)
		golden(t, h, "scope", "scope.json?id="+in[1])
		for _, name := range []string{"queues", "cancellations", "waits", "findings"} {
			golden(t, h, name, name+".json")
		}
	})
	looked(t, 0, func(context.Context) error { return nil }, func(t *testing.T) {
		h := inspect.Handler()
		for _, name := range []string{"tree", "queues", "cancellations", "waits", "findings"} {
			golden(t, h, "empty-"+name, name+".json")
		}
	})
}

var ids = regexp.MustCompile(`"(id|ids)":(\d+|\[[\d,]+\])`)

// golden compares an answer with testdata/name.json, and returns it.
func golden(t *testing.T, h http.Handler, name, target string) string {
	t.Helper()
	w := serve(h, local("GET", "/"+target))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	seen := map[string]string{}
	number := regexp.MustCompile(`\d+`)
	scrubbed := ids.ReplaceAllStringFunc(w.Body.String(), func(m string) string {
		return number.ReplaceAllStringFunc(m, func(id string) string {
			if seen[id] == "" {
				seen[id] = fmt.Sprint(len(seen) + 1)
			}
			return seen[id]
		})
	})
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, []byte(scrubbed), "", "  "))
	file := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
	return w.Body.String()
}
