package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
)

const prefix = "/some/deep/prefix/"

// program is a running program, and a server that shows it.
type program struct {
	ctx   context.Context // of its scope
	url   string          // of the page
	asked atomic.Int64    // requests for JSON
}

// leave is waited for, in a shield, by what is cancelled and does not end. The
// end of a test sets it.
type leave struct{ *task.Future[int] }

func (l leave) linger(ctx context.Context) error {
	return scope.Shielded(ctx, time.Hour, func(ctx context.Context) error { _, err := l.Wait(ctx); return err })
}

// run runs a program for as long as the test takes, with spans.
func run(t *testing.T, build func(ctx context.Context, l leave)) *program {
	t.Helper()
	inst, err := otelx.New(otelx.WithTracerProvider(sdktrace.NewTracerProvider()))
	require.NoError(t, err)
	return runIn(otelx.NewContext(context.Background(), inst), t, build)
}

func runIn(base context.Context, t *testing.T, build func(ctx context.Context, l leave)) *program {
	t.Helper()
	p := &program{}
	l := leave{task.NewFuture[int](context.Background(), task.Name("leave"))}
	ready := make(chan struct{})
	done := make(chan error)
	s := scope.New(scope.Name("service"))
	m := monitor.New(monitor.Name("main"))
	go func() {
		done <- s.Run(base, func(ctx context.Context) error {
			p.ctx = ctx
			scope.Go(ctx, m.Run, scope.Name("monitor"), scope.Background())
			build(ctx, l)
			close(ready)
			return scope.Sleep(ctx, 1000*time.Hour)
		})
	}()
	<-ready
	h := inspect.Handler(
		inspect.TraceURL("https://trace.example.org/{trace_id}/{span_id}"), inspect.Lag("main", m),
		inspect.Watch("orders", func() inspect.Level {
			return inspect.Level{Size: 48, Capacity: 64, Peak: 61, Waiting: 3, Oldest: 1500 * time.Millisecond}
		}),
		inspect.Watch("connections", func() inspect.Level { return inspect.Level{Size: 20, Capacity: 20, Peak: 20, Waiting: 7} }),
	)
	mux := http.NewServeMux()
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".json") {
			p.asked.Add(1)
		}
		h.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	p.url = server.URL + prefix
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, l.SetResult(1))
		s.Cancel(errors.New("the test has ended"))
		require.NoError(t, <-done)
	})
	return p
}

func forever(ctx context.Context) error { return scope.Sleep(ctx, 1000*time.Hour) }

// busy is a program with something on every screen.
func busy(ctx context.Context, l leave) {
	jobs := csync.NewQueue[int](0, csync.Name("jobs"))
	for range 97 {
		scope.Go(ctx, func(ctx context.Context) error { _, err := jobs.Get(ctx); return err }, scope.Name("worker"))
	}
	out := csync.NewQueue[int](1, csync.Name("out"))
	for range 3 {
		scope.Go(ctx, func(ctx context.Context) error {
			for {
				if err := out.Put(ctx, 1); err != nil {
					return err
				}
			}
		}, scope.Name("producer"))
	}
	for i := range 12 {
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				rows := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, forever(ctx) }, scope.Name("query"))
				scope.Go(ctx, forever, scope.Name("render"))
				_, err := rows.Wait(ctx)
				return err
			}, scope.Name("request"), scope.Timeout(time.Hour), scope.MoveOn())
		}, scope.Name(fmt.Sprintf("handler %d", i%3)))
	}
	scope.Go(ctx, func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			up := make(chan struct{})
			var once sync.Once
			for range 2 {
				scope.Go(ctx, func(ctx context.Context) error {
					once.Do(func() { close(up) })
					_ = forever(ctx)
					return l.linger(ctx)
				}, scope.Name("upload"))
			}
			<-up
			scope.From(ctx).Cancel(errors.New("the customer has left"), scope.By(ctx))
			return nil
		}, scope.Name("export"))
	}, scope.Name("export"))
	ready := make(chan struct{})
	var a, b, c *scope.Child
	a = scope.Go(ctx, func(ctx context.Context) error { <-ready; return b.Wait(ctx) }, scope.Name("invoice"))
	b = scope.Go(ctx, func(ctx context.Context) error { <-ready; return c.Wait(ctx) }, scope.Name("shipment"))
	c = scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("refund"))
	close(ready)
}

type action = chromedp.Action[chromedp.Void]

// js runs a script for what it does.
func js(script string) action { return chromedp.Evaluate[chromedp.Void](script) }

// tab is a tab of the browser, that is watched for what it complains about.
type tab struct {
	context.Context
	t *testing.T

	mu       sync.Mutex
	problems []string
}

func open(t *testing.T, url string, more ...action) *tab {
	t.Helper()
	return openIn(t, true, url, more...)
}

// openIn opens a tab in a window of its own, where it is always seen, or in the
// browser's first.
func openIn(t *testing.T, window bool, url string, more ...action) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(start(t), chromedp.WithNewWindow(window))
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	b := &tab{Context: ctx, t: t}
	require.NoError(t, chromedp.Do(ctx))
	require.NoError(t, chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.complain("exception: " + ev.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
				b.complain("console: " + ev.Args[0].Description + string(ev.Args[0].Value))
			}
		case *log.EventEntryAdded:
			b.complain("log: " + ev.Entry.Text + " " + ev.Entry.URL)
		case *page.EventJavascriptDialogOpening:
			b.complain("dialog: " + ev.Message)
		}
	}))
	t.Cleanup(func() {
		stop()
		closeTab()
	})
	b.do(more...)
	b.do(chromedp.Navigate(url))
	return b
}

func (b *tab) complain(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, s)
}

// quiet fails if there was anything on the console.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.problems)
}

func (b *tab) do(actions ...action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b, actions...))
}

// eval returns the value of an expression.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, script)
	return v
}

// until waits for an expression to be true. (chromedp.Poll makes functions of
// text in the page, which its policy forbids.)
func (b *tab) until(script string, within time.Duration) {
	b.t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		yes, err := chromedp.Run(b, chromedp.Evaluate[bool]("!!("+script+")"))
		if err == nil && yes {
			return
		}
		if time.Now().After(deadline) {
			require.NoError(b.t, err, script)
			require.Fail(b.t, "not within "+within.String(), "%s\nconsole: %v\npage: %.2000s", script, b.problems, eval[string](b, "document.body.innerText"))
		}
	}
}

// shot keeps a screenshot.
func (b *tab) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o644))
}

const (
	patience = 15 * time.Second
	live     = `document.getElementById("status").textContent === "Live"`
	rowsSeen = `document.querySelectorAll("#grid .rows [role=row]").length`
)
