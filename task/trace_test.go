package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
)

// recorder is a span processor that keeps what started and what ended.
type recorder struct {
	mu      sync.Mutex
	started map[trace.SpanID]string
	ended   []sdktrace.ReadOnlySpan
	twice   []string
}

func (r *recorder) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started[s.SpanContext().SpanID()] = s.Name()
}

func (r *recorder) OnEnd(s sdktrace.ReadOnlySpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ended {
		if e.SpanContext().SpanID() == s.SpanContext().SpanID() {
			r.twice = append(r.twice, s.Name())
		}
	}
	r.ended = append(r.ended, s)
}

func (*recorder) Shutdown(context.Context) error   { return nil }
func (*recorder) ForceFlush(context.Context) error { return nil }

// traced returns a ctx that records into r.
func traced(t *testing.T) (context.Context, *recorder) {
	r := &recorder{started: map[trace.SpanID]string{}}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	inst, err := otelx.New(otelx.WithTracerProvider(tp))
	require.NoError(t, err)
	return otelx.NewContext(context.Background(), inst), r
}

// check holds every recorded trace to R80 to R82: each span ended exactly once,
// inside its recorded parent; leaves have no children.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.twice, "ended twice")
	require.Len(t, r.ended, len(r.started), "not every span has ended: %v", r.started)
	byID := map[trace.SpanID]sdktrace.ReadOnlySpan{}
	for _, s := range r.ended {
		byID[s.SpanContext().SpanID()] = s
	}
	for _, s := range r.ended {
		require.False(t, s.EndTime().Before(s.StartTime()), s.Name())
		if !s.Parent().IsValid() {
			continue
		}
		p, ok := byID[s.Parent().SpanID()]
		require.True(t, ok, "%s has no recorded parent", s.Name())
		require.False(t, s.StartTime().Before(p.StartTime()), "%s starts before %s", s.Name(), p.Name())
		require.False(t, s.EndTime().After(p.EndTime()), "%s ends after %s", s.Name(), p.Name())
		require.NotEqual(t, otelx.OpsScopeName, p.InstrumentationScope().Name, "leaf %s has a child", p.Name())
	}
}

// tree prints the spans as canonical text: name, status, result, cancel kind,
// names of linked spans; children by start, then name.
func (r *recorder) tree() string {
	names := map[trace.SpanID]string{}
	children := map[trace.SpanID][]sdktrace.ReadOnlySpan{}
	for _, s := range r.ended {
		names[s.SpanContext().SpanID()] = s.Name()
		children[s.Parent().SpanID()] = append(children[s.Parent().SpanID()], s)
	}
	var b strings.Builder
	var walk func(id trace.SpanID, indent string)
	walk = func(id trace.SpanID, indent string) {
		list := children[id]
		slices.SortStableFunc(list, func(x, y sdktrace.ReadOnlySpan) int {
			if c := x.StartTime().Compare(y.StartTime()); c != 0 {
				return c
			}
			return strings.Compare(x.Name(), y.Name())
		})
		for _, s := range list {
			fmt.Fprintf(&b, "%s%s", indent, s.Name())
			for _, key := range []string{"corral.task.result", "error.type", "corral.cancel.kind"} {
				if v, ok := attr(s, key); ok {
					fmt.Fprintf(&b, " %s", v)
				}
			}
			if s.Status().Code != codes.Unset {
				fmt.Fprintf(&b, " [%s]", s.Status().Code)
			}
			for _, l := range s.Links() {
				fmt.Fprintf(&b, " → %s", names[l.SpanContext.SpanID()])
			}
			b.WriteString("\n")
			walk(s.SpanContext().SpanID(), indent+"  ")
		}
	}
	walk(trace.SpanID{}, "")
	return b.String()
}

func attr(s sdktrace.ReadOnlySpan, key string) (string, bool) {
	for _, kv := range s.Attributes() {
		if kv.Key == attribute.Key(key) {
			return kv.Value.String(), true
		}
	}
	return "", false
}

var errBoom = errors.New("boom")

func wait(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return scope.Sleep(ctx, d) }
}

// R80-R82 on every way a task can end; names, parents, links and statuses as in
// telemetry.md.
func TestSpanTrees(t *testing.T) {
	cases := map[string]struct {
		run  func(ctx context.Context)
		want string
	}{
		"success": {
			run: func(ctx context.Context) {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					u := task.Go(ctx, func(ctx context.Context) (int, error) { return 1, scope.Sleep(ctx, 1) }, scope.Name("user"))
					_, err := u.Wait(ctx)
					return err
				}, scope.Name("checkout"))
			},
			want: `
scope checkout
  await user → task user
  task user success
`,
		},
		"failure": {
			run: func(ctx context.Context) {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error { _ = scope.Sleep(ctx, 1); return errBoom }, scope.Name("bad"))
					scope.Go(ctx, wait(time.Hour), scope.Name("sibling"))
					return nil
				}, scope.Name("s"))
			},
			want: `
scope s *errors.errorString task-failed [Error] → task bad
  task bad failure *errors.errorString [Error]
  task sibling cancellation task-failed → task bad
`,
		},
		"timeout": {
			run: func(ctx context.Context) {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, wait(time.Hour), scope.Name("slow"))
					return nil
				}, scope.Name("s"), scope.Timeout(time.Second))
			},
			want: `
scope s timeout deadline [Error]
  task slow timeout timeout deadline [Error] → scope s
`,
		},
		"cancel": {
			run: func(ctx context.Context) {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					c := scope.Go(ctx, wait(time.Hour), scope.Name("one"))
					synctest.Wait()
					c.Cancel(nil, scope.By(ctx))
					return nil
				}, scope.Name("s"))
			},
			want: `
scope s
  task one cancellation explicit → scope s
`,
		},
		"panic": {
			run: func(ctx context.Context) {
				defer func() { _ = recover() }()
				_ = scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(context.Context) error { panic("x") }, scope.Name("p"))
					return nil
				}, scope.Name("s"))
			},
			want: `
scope s panic task-failed [Error] → task p
  task p panic panic [Error]
`,
		},
		"goexit": {
			run: func(ctx context.Context) {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil }, scope.Name("g"))
					return nil
				}, scope.Name("s"))
			},
			want: `
scope s goexit task-failed [Error] → task g
  task g failure goexit [Error]
`,
		},
		"background": {
			run: func(ctx context.Context) {
				_ = scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, wait(time.Hour), scope.Name("heart"), scope.Background())
					return scope.Sleep(ctx, 1)
				}, scope.Name("s"))
			},
			want: `
scope s
task heart cancellation scope-done → scope s
`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, r := traced(t)
				c.run(ctx)
				synctest.Wait()
				r.check(t)
				require.Equal(t, strings.TrimPrefix(c.want, "\n"), r.tree())
			})
		})
	}
}

// R80: puts and gets are leaves of who calls; a get links to where the item
// was put.
func TestQueueSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, r := traced(t)
		err := scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](1, csync.Name("jobs"))
			scope.Go(ctx, func(ctx context.Context) error {
				for i := range 3 {
					if err := q.Put(ctx, i); err != nil {
						return err
					}
				}
				q.Close()
				return nil
			}, scope.Name("producer"))
			scope.Go(ctx, func(ctx context.Context) error {
				for {
					if _, err := q.Get(ctx); err != nil {
						return nil
					}
					_ = scope.Sleep(ctx, time.Second)
				}
			}, scope.Name("consumer"))
			return nil
		}, scope.Name("s"))
		require.NoError(t, err)
		r.check(t)
		count := map[string]int{}
		for _, s := range r.ended {
			count[s.Name()]++
			require.Equal(t, codes.Unset, s.Status().Code, "that a queue is closed in the end is no failure")
			if s.Name() == "get jobs" && len(s.Links()) == 1 {
				count["linked"]++
				require.Equal(t, otelx.OpsScopeName, s.InstrumentationScope().Name)
			}
		}
		require.Equal(t, map[string]int{"scope s": 1, "task producer": 1, "task consumer": 1, "put jobs": 3, "get jobs": 4, "linked": 3}, count)
	})
}

// R83: with no SDK nothing is allocated for telemetry: as much as without it.
func TestNoSDKNoAllocations(t *testing.T) {
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		q := csync.NewQueue[int](1)
		f := new(task.Future[int])
		_ = f.SetResult(1)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_ = q.Put(ctx, 1)
			_, _ = q.Get(ctx)
			_, _ = f.Wait(ctx)
		}))
		return nil
	})
}

// R83: below an unsampled parent no span is started and nothing allocated.
func TestUnsampledParent(t *testing.T) {
	r := &recorder{started: map[trace.SpanID]string{}}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r), sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, span := tp.Tracer("test").Start(context.Background(), "request")
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](1)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_ = q.Put(ctx, 1)
			_, _ = q.Get(ctx)
		}))
		return scope.Go(ctx, func(context.Context) error { return nil }).Wait(ctx)
	})
	span.End()
	require.Empty(t, r.started)
}
