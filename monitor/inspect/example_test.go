package inspect_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// ask asks as a browser on the same machine would.
func ask(h http.Handler, path string) (int, map[string]any) {
	w := serve(h, local("GET", path))
	return w.Code, decoded(w)
}

// The inspector under a path of a program's own server. It answers who sits at
// the machine, and nobody else.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/debug/corral/", inspect.Handler())

	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		code, tree := ask(mux, "/debug/corral/tree.json")
		fmt.Println(code, "version", tree["version"])

		r := httptest.NewRequest(http.MethodGet, "/debug/corral/tree.json", nil)
		r.RemoteAddr = "192.0.2.1:1234"
		fmt.Println(serve(mux, r).Code)
		return nil
	}, scope.Name("service"))
	// Output:
	// 200 version 1
	// 403
}

// Behind a proxy that has already asked who it is.
func ExampleAuthorize() {
	h := inspect.Handler(inspect.Authorize(func(r *http.Request) bool {
		return r.Header.Get("X-Verified-Group") == "operators"
	}))
	r := httptest.NewRequest(http.MethodGet, "/tree.json", nil)
	fmt.Println(serve(h, r).Code)
	r.Header.Set("X-Verified-Group", "operators")
	fmt.Println(serve(h, r).Code)
	// Output:
	// 403
	// 200
}

func ExampleTraceURL() {
	h := inspect.Handler(inspect.TraceURL("https://jaeger.example.org/trace/{trace_id}?uiFind={span_id}"))
	_, tree := ask(h, "/tree.json")
	fmt.Println(tree["trace_url"])
	// Output: https://jaeger.example.org/trace/{trace_id}?uiFind={span_id}
}

func ExampleWatch() {
	jobs := csync.NewQueue[string](8, csync.Name("jobs"))
	h := inspect.Handler(inspect.Watch("jobs", func() inspect.Level {
		s := jobs.Stats()
		return inspect.Level{
			Size: s.Len, Capacity: s.MaxSize, Peak: s.Peak, Waiting: s.WaitingPutters + s.WaitingGetters, Oldest: s.OldestAge,
		}
	}))
	_ = jobs.TryPut(context.Background(), "job")

	_, queues := ask(h, "/queues.json")
	w := queues["watched"].([]any)[0].(map[string]any)
	fmt.Println(w["name"], w["size"], "of", w["capacity"])
	// Output: jobs 1 of 8
}

// A Level is what a Watch tells.
func ExampleLevel() {
	level := inspect.Level{Size: 20, Capacity: 20, Waiting: 3, Oldest: time.Second}
	h := inspect.Handler(inspect.Watch("connections", func() inspect.Level { return level }))
	_, queues := ask(h, "/queues.json")
	w := queues["watched"].([]any)[0].(map[string]any)
	fmt.Println(w["waiting"], "wait")
	// Output: 3 wait
}

func ExampleLag() {
	m := monitor.New()
	h := inspect.Handler(inspect.Lag("main loop", m))
	_, lag := ask(h, "/lag.json")
	fmt.Println(lag["monitors"].([]any)[0].(map[string]any)["name"])
	// Output: main loop
}
