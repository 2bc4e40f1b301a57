package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// It works wherever it is mounted, and a path without its slash leads to the one
// that has it, on this host.
func TestAnyPrefix(t *testing.T) {
	testkit.Guard(t)
	mux := http.NewServeMux()
	mux.Handle("/debug/corral/", inspect.Handler())
	mux.Handle("/a/b/", http.StripPrefix("/a/b/", inspect.Handler()))
	mux.Handle("/c", http.StripPrefix("/c", inspect.Handler()))
	for target, want := range map[string]int{
		"/debug/corral/": 200, "/debug/corral/tree.json": 200, "/debug/corral/app.js": 200, "/a/b/": 200, "/a/b/tree.json": 200, "/a/b/nothing": 404, "/c": 308,
	} {
		w := serve(mux, local("GET", target))
		require.Equal(t, want, w.Code, target)
		if want == 308 {
			require.Equal(t, "./c/", w.Header().Get("Location"))
		}
	}
	r := local("GET", "/c")
	r.RequestURI = "//evil.example/%2e%2e//x:y?z"
	r.URL.Path = ""
	require.Equal(t, "./x:y/", serve(inspect.Handler(), r).Header().Get("Location"))
}

// The page's files have an ETag of their content, and are not sent twice.
func TestFiles(t *testing.T) {
	testkit.Guard(t)
	h := inspect.Handler()
	tags := map[string]bool{}
	size := 0
	require.NoError(t, fs.WalkDir(os.DirFS("web"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		w := serve(h, local("GET", "/"+name))
		require.Equal(t, 200, w.Code, name)
		size += w.Body.Len()
		tag := w.Header().Get("ETag")
		require.Regexp(t, `^"[0-9a-f]{24}"$`, tag)
		require.False(t, tags[tag], "%s has the ETag of another", name)
		tags[tag] = true
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))

		r := local("GET", "/"+name)
		r.Header.Set("If-None-Match", tag)
		w = serve(h, r)
		require.Equal(t, http.StatusNotModified, w.Code)
		require.Zero(t, w.Body.Len())
		return nil
	}))
	require.Less(t, size, 60<<10, "the page is larger than it should be")
	require.Equal(t, "no-store", serve(h, local("GET", "/tree.json")).Header().Get("Cache-Control"))
}

// The files of the page never make markup of text, and ask nobody else.
func TestPageIsCareful(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, fs.WalkDir(os.DirFS("web"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile("web/" + name)
		require.NoError(t, err)
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style=\"", "onclick=", "javascript:", "localStorage", "EventSource", "WebSocket"} {
			require.NotContains(t, string(b), bad, name)
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "")
		require.NotContains(t, text, "http://", name)
		require.NotContains(t, text, "https://", name)
		return nil
	}))
}

// When nobody has looked for half a second, nothing is kept; nothing ever runs
// (goleak, and the bubble, would see it).
func TestNothingIsKept(t *testing.T) {
	looked(t, time.Second, busy, func(t *testing.T) {
		h := inspect.Handler(watched...)
		require.Zero(t, inspect.Kept(h))
		first := field(t, get(t, h, "tree.json"), "at")
		time.Sleep(499 * time.Millisecond)
		require.Equal(t, first, field(t, get(t, h, "tree.json"), "at"), "the same answer")
		require.Equal(t, first, field(t, get(t, h, "waits.json"), "at"), "of the same walk")
		require.NotZero(t, inspect.Kept(h))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Zero(t, inspect.Kept(h))
		require.NotEqual(t, first, field(t, get(t, h, "tree.json"), "at"))
		time.Sleep(time.Second)
	})
}

// Too many different questions at once are refused, not kept.
func TestTooManyQuestions(t *testing.T) {
	looked(t, 0, func(context.Context) error { return nil }, func(t *testing.T) {
		h := inspect.Handler()
		for i := range inspect.MaxViews {
			require.Equal(t, 200, serve(h, local("GET", fmt.Sprintf("/tree.json?apart=%d/x", i))).Code)
		}
		w := serve(h, local("GET", "/tree.json?apart=99/x"))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		time.Sleep(time.Second)
		require.Equal(t, 200, serve(h, local("GET", "/tree.json?apart=99/x")).Code)
	})
}

// pipes is a listener whose connections are in memory, and claim to be local.
type pipes struct{ c chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.c
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

type localConn struct{ net.Conn }

func (localConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// Fifty readers that never read hold fifty goroutines, for ten seconds.
func TestSlowReaders(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		active, closed := 0, 0
		s := &http.Server{Handler: inspect.Handler(), ConnState: func(_ net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			switch state {
			case http.StateActive:
				active++
			case http.StateClosed:
				closed++
			}
		}}
		l := pipes{make(chan net.Conn)}
		done := make(chan error)
		go func() { done <- s.Serve(l) }()
		var ends []net.Conn
		for range 50 {
			near, far := net.Pipe()
			ends = append(ends, near)
			l.c <- localConn{far}
			_, err := near.Write([]byte("GET /tree.json HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			require.NoError(t, err)
		}
		count := func() (int, int) {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return active, closed
		}
		a, c := count()
		require.Equal(t, 50, a)
		require.Zero(t, c)
		time.Sleep(10*time.Second + time.Millisecond)
		_, c = count()
		require.Equal(t, 50, c, "the server let go of them all")
		for _, c := range ends {
			c.Close()
		}
		close(l.c)
		<-done
		time.Sleep(time.Second)
	})
}

// The deadline is of one answer: a connection that is used again later works.
func TestDeadlineIsOfOneRequest(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("/inspect/", inspect.Handler())
		mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Minute)
			fmt.Fprint(w, "slow")
		})
		s := &http.Server{Handler: mux}
		l := pipes{make(chan net.Conn)}
		done := make(chan error)
		go func() { done <- s.Serve(l) }()
		near, far := net.Pipe()
		dialed := 0
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dialed++
			return near, nil
		}}}
		l.c <- localConn{far}
		for _, what := range []string{"inspect/tree.json", "slow"} {
			res, err := client.Get("http://localhost/" + what)
			require.NoError(t, err, what)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err, what)
			require.NotEmpty(t, body, what)
			res.Body.Close()
		}
		require.Equal(t, 1, dialed)
		client.CloseIdleConnections()
		near.Close()
		close(l.c)
		<-done
		time.Sleep(time.Second)
	})
}

// An Error method, or a watch, that hangs or panics does not stop the answer, and
// is asked once: who polls leaves no goroutine behind each time.
func TestForeignCode(t *testing.T) {
	h := hangs{make(chan struct{})}
	asked := 0
	looked(t, 0, func(ctx context.Context) error {
		h.c = make(chan struct{})
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.From(ctx).Cancel(h)
				time.Sleep(10 * time.Minute)
				return nil
			}, scope.Name("in"))
		}, scope.Name("stuck"))
		return nil
	}, func(t *testing.T) {
		p := inspect.Handler(inspect.Watch("w", func() inspect.Level { asked++; return inspect.Level{Size: 7} }))
		require.EqualValues(t, 7, field(t, get(t, p, "queues.json"), "watched", 0, "size"))
		require.Contains(t, field(t, get(t, p, "cancellations.json"), "list", 0, "cause", "reason"), "does not return")
		for range 5 {
			time.Sleep(time.Second)
			get(t, p, "cancellations.json")
			require.Contains(t, field(t, get(t, p, "queues.json"), "watched", 0, "problem"), "not asked")
		}
		require.Equal(t, 1, asked)
		close(h.c)
		synctest.Wait()
		time.Sleep(time.Second)
		require.Equal(t, "late", field(t, get(t, p, "cancellations.json"), "list", 0, "cause", "reason"))
		time.Sleep(time.Second)
	})
}

// Children are limited, sorted and found on the server, and what is left out is
// said; siblings can be looked at one by one.
func TestTreeParameters(t *testing.T) {
	looked(t, time.Second, func(ctx context.Context) error {
		for i := range 300 {
			name := fmt.Sprintf("t%03d", 299-i)
			scope.Go(ctx, func(ctx context.Context) error {
				time.Sleep(time.Duration(i) * time.Microsecond)
				return forever(ctx)
			}, scope.Name(name))
		}
		for range 40 {
			scope.Go(ctx, forever, scope.Name("same"))
		}
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				for range 1100 {
					scope.Go(ctx, forever, scope.Name("alike"))
				}
				return nil
			}, scope.Name("many"))
		}, scope.Name("many"))
		return nil
	}, func(t *testing.T) {
		h := inspect.Handler()
		tree := get(t, h, "tree.json")
		require.Equal(t, true, tree["truncated"])
		require.Len(t, field(t, tree, "nodes", 0, "children"), 200)
		require.EqualValues(t, 102, field(t, tree, "nodes", 0, "hidden"))
		require.EqualValues(t, 340+1101, field(t, tree, "nodes", 0, "tasks"))
		id := uint64(field(t, tree, "nodes", 0, "id").(float64))

		tree = get(t, h, fmt.Sprintf("tree.json?open=%d", id))
		require.Equal(t, false, tree["truncated"])
		require.Len(t, field(t, tree, "nodes", 0, "children"), 302)
		tree = get(t, h, fmt.Sprintf("tree.json?shut=%d", id))
		require.Nil(t, field(t, tree, "nodes", 0, "children"))
		require.EqualValues(t, 302, field(t, tree, "nodes", 0, "hidden"))
		require.Equal(t, false, tree["truncated"], "it was asked for")
		tree = get(t, h, "tree.json?limit=10")
		require.Len(t, field(t, tree, "nodes", 0, "children"), 9)

		require.Equal(t, "same", field(t, get(t, h, "tree.json?sort=count"), "nodes", 0, "children", 0, "name"))
		require.Equal(t, "many", field(t, get(t, h, "tree.json?sort=inside"), "nodes", 0, "children", 0, "name"))
		require.Equal(t, "same", field(t, get(t, h, "tree.json?sort=name"), "nodes", 0, "children", 1, "name"))
		require.Equal(t, "t000", field(t, get(t, h, "tree.json?sort=name"), "nodes", 0, "children", 2, "name"))
		require.Equal(t, "t299", field(t, get(t, h, "tree.json?sort=wait&find=t"), "nodes", 0, "children", 0, "name"))

		tree = get(t, h, "tree.json?find=T12")
		require.Len(t, field(t, tree, "nodes", 0, "children"), 10)
		require.Empty(t, field(t, get(t, h, "tree.json?find=nothing"), "nodes"))

		tree = get(t, h, fmt.Sprintf("tree.json?find=same&apart=%d/same", id))
		require.Len(t, field(t, tree, "nodes", 0, "children"), 40)
		one := field(t, tree, "nodes", 0, "children", 39)
		require.EqualValues(t, 1, field(t, one, "count"))
		only := get(t, h, fmt.Sprintf("tree.json?in=%.0f&apart=%d/same", field(t, one, "id"), id))
		require.Len(t, only["nodes"], 1)
		require.Equal(t, one, field(t, only, "nodes", 0))

		many := field(t, get(t, h, "tree.json?find=alike"), "nodes", 0, "children", 0, "children", 0, "id").(float64)
		tree = get(t, h, fmt.Sprintf("tree.json?limit=5000&in=%.0f&open=%.0f&apart=%.0f/alike", many, many, many))
		require.Len(t, field(t, tree, "nodes", 0, "children"), 1000)
		require.EqualValues(t, 1, field(t, tree, "nodes", 0, "hidden"), "the rest is counted")
	})
}

// Thousands of tasks that differ make no larger an answer than is allowed. (A
// hundred thousand: TestManyTasks in examples/browser, BenchmarkAnswer.)
func TestAnswersAreLimited(t *testing.T) {
	testkit.Guard(t)
	crowd(t, 20_000, 6_000, func(ctx context.Context) {
		h := inspect.Handler()
		for what, most := range map[string]int{
			"tree.json": 1000, "tree.json?limit=5000": 5000, "waits.json": 1000, "waits.json?limit=5000": 5000, "queues.json": 1000, "cancellations.json": 1000,
			"findings.json": 400, fmt.Sprintf("scope.json?id=%d", scope.From(ctx).Snapshot().ID): 300,
		} {
			w := serve(h, local("GET", "/"+what))
			require.Equal(t, 200, w.Code, what)
			require.Less(t, w.Body.Len(), most*400+1000, what)
			var head struct {
				Tasks     int
				Truncated bool
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &head))
			require.GreaterOrEqual(t, head.Tasks, 20_000)
			require.Equal(t, what != "findings.json" && what != "cancellations.json", head.Truncated, what)
		}
	})
}

// crowd runs n tasks of so many names, each waiting for a queue of its name, and
// calls look while they are there.
func crowd(t testing.TB, n, names int, look func(ctx context.Context)) {
	s := scope.New(scope.Name("crowd"))
	require.NoError(t, s.Run(context.Background(), func(ctx context.Context) error {
		queues := make([]*csync.Queue[int], names)
		for i := range queues {
			queues[i] = csync.NewQueue[int](0, csync.Name(fmt.Sprintf("q%d", i)))
		}
		var begun sync.WaitGroup
		begun.Add(n)
		for i := range n {
			q := queues[i%names]
			scope.Go(ctx, func(ctx context.Context) error {
				begun.Done()
				_, err := q.Get(ctx)
				return err
			}, scope.Name(fmt.Sprintf("worker %d", i%names)))
		}
		begun.Wait()
		look(ctx)
		s.Cancel(errors.New("seen"))
		return nil
	}))
}

// It may be used by many at once.
func TestConcurrent(t *testing.T) {
	testkit.Guard(t)
	crowd(t, 1000, 10, func(context.Context) {
		s := httptest.NewServer(inspect.Handler(watched...))
		defer s.Close()
		defer s.Client().CloseIdleConnections()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for _, what := range []string{"tree.json", "waits.json", "queues.json", "lag.json", "dump.txt", "findings.json", "tree.json?sort=name", "cancellations.json"} {
					res, err := s.Client().Get(s.URL + "/" + what)
					if err == nil {
						res.Body.Close()
					}
					if err != nil || res.StatusCode != http.StatusOK {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		}
		all.Wait()
	})
}

//go:noinline
func parkHere(ctx context.Context) error { return forever(ctx) }

// The stack of a task is found, by what it runs; and not twice within a second.
func TestStack(t *testing.T) {
	looked(t, 0, func(ctx context.Context) error {
		scope.Go(ctx, parkHere, scope.Name("parked"))
		return nil
	}, func(t *testing.T) {
		h := inspect.Handler()
		id := field(t, get(t, h, "tree.json"), "nodes", 0, "children", 0, "id")
		target := fmt.Sprintf("/stack.txt?id=%.0f", id)
		w := serve(h, local("GET", target))
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), "inspect_test.parkHere\n")
		require.Equal(t, http.StatusTooManyRequests, serve(h, local("GET", target)).Code)
		time.Sleep(time.Second)
		require.Equal(t, 200, serve(h, local("GET", target)).Code)
		time.Sleep(time.Second)
	})
}

// While a Monitor labels goroutines, each task's own is found.
func TestStackOfOneTask(t *testing.T) {
	var ids []uint64
	looked(t, 0, func(ctx context.Context) error {
		m := monitor.New(monitor.OnLag(time.Hour, func(monitor.Report) {}))
		scope.Go(ctx, m.Run, scope.Background())
		synctest.Wait()
		for range 2 {
			ids = append(ids, scope.Go(ctx, parkHere).ID())
		}
		return nil
	}, func(t *testing.T) {
		h := inspect.Handler()
		for _, id := range ids {
			w := serve(h, local("GET", fmt.Sprintf("/stack.txt?id=%d", id)))
			require.Equal(t, 200, w.Code)
			require.True(t, strings.HasPrefix(w.Body.String(), "1:\n"), w.Body.String())
			require.Equal(t, 1, strings.Count(w.Body.String(), "inspect_test.parkHere\n"))
			time.Sleep(time.Second)
		}
	})
}

// A tree that is very deep is shown as far as people look, and from anywhere.
func TestDeepTree(t *testing.T) {
	var nest func(ctx context.Context, n int) error
	var middle uint64
	nest = func(ctx context.Context, n int) error {
		if n == 0 {
			return forever(ctx)
		}
		return scope.Run(ctx, func(ctx context.Context) error {
			if n == 100 {
				middle = scope.From(ctx).Snapshot().ID
			}
			return nest(ctx, n-1)
		}, scope.Name("deeper"))
	}
	looked(t, 0, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error { return nest(ctx, 2000) }, scope.Name("diver"))
		return nil
	}, func(t *testing.T) {
		depth := func(n any) (d int) {
			for ; n != nil; d++ {
				m := n.(map[string]any)
				if m["children"] == nil {
					return d + 1
				}
				n = field(t, m, "children", 0)
			}
			return d
		}
		h := inspect.Handler()
		tree := get(t, h, "tree.json")
		require.Equal(t, 64, depth(field(t, tree, "nodes", 0)))
		require.Equal(t, true, tree["truncated"])
		require.EqualValues(t, 2001, tree["scopes"])
		tree = get(t, h, fmt.Sprintf("tree.json?in=%d", middle))
		require.EqualValues(t, 99, field(t, tree, "nodes", 0, "scopes"))
		require.LessOrEqual(t, len(field(t, tree, "nodes", 0, "path").(string)), 520)
		time.Sleep(time.Second)
	})
}

// What is recorded carries its trace and span.
func TestSpans(t *testing.T) {
	testkit.Guard(t)
	r := testkit.NewRecorder(t)
	require.NoError(t, scope.Run(r.Context(context.Background()), func(ctx context.Context) error {
		tree := get(t, inspect.Handler(), "tree.json")
		want := trace.SpanContextFromContext(ctx)
		require.True(t, want.IsValid())
		require.Equal(t, want.TraceID().String(), field(t, tree, "nodes", 0, "span", "trace_id"))
		require.Equal(t, want.SpanID().String(), field(t, tree, "nodes", 0, "span", "span_id"))
		return nil
	}))
}

func TestLag(t *testing.T) {
	m := monitor.New()
	looked(t, 0, func(ctx context.Context) error {
		scope.Go(ctx, m.Run, scope.Background())
		return nil
	}, func(t *testing.T) {
		time.Sleep(time.Second)
		lag := get(t, inspect.Handler(inspect.Lag("main", m)), "lag.json")
		require.Equal(t, "main", field(t, lag, "monitors", 0, "name"))
		require.Positive(t, field(t, lag, "monitors", 0, "samples"))
		counted, bounds := 0.0, []float64{}
		for _, b := range field(t, lag, "monitors", 0, "histogram").([]any) {
			counted += field(t, b, "count").(float64)
			if below, ok := field(t, b, "below").(float64); ok {
				bounds = append(bounds, below)
			}
		}
		require.Equal(t, field(t, lag, "monitors", 0, "samples"), counted)
		require.Equal(t, []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}, bounds)
		require.Positive(t, field(t, lag, "runtime", "procs"))
		total := 0.0
		for _, b := range field(t, lag, "runtime", "histogram").([]any) {
			total += field(t, b, "count").(float64)
		}
		require.Positive(t, total)
		time.Sleep(time.Second)
	})
}

// Of a traced cancellation is told how many tasks it has reached: those that
// have not ended, and those that have.
func TestCancellationTellsHowManyItReached(t *testing.T) {
	invariant.Untraced(t) // below a span that is not sampled nothing is
	inst, err := otelx.New(otelx.WithTracerProvider(sdktrace.NewTracerProvider()))
	require.NoError(t, err)
	looked(t, time.Second, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(otelx.NewContext(ctx, inst), func(ctx context.Context) error {
				for range 3 {
					scope.Go(ctx, forever)
				}
				scope.Go(ctx, func(ctx context.Context) error { return scope.Shielded(ctx, time.Hour, sleep(time.Minute)) }, scope.Name("slow"))
				time.Sleep(time.Millisecond)
				scope.From(ctx).Cancel(nil)
				return nil
			})
		})
		return nil
	}, func(t *testing.T) {
		c := field(t, get(t, inspect.Handler(), "cancellations.json"), "list", 0)
		require.EqualValues(t, 1, field(t, c, "left"))
		require.EqualValues(t, 3, field(t, c, "ended"))
	})
}
