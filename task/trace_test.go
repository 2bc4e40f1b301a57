package task_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

var errBoom = errors.New("boom")

func wait(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return scope.Sleep(ctx, d) }
}

// R80-R82 on every way a task can end; names, parents, links and statuses as in
// telemetry.md.
func TestSpanTrees(t *testing.T) {
	testkit.Guard(t)
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
scope checkout 1ns
  await user 1ns → task user
  task user 1ns
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
scope s 1ns {corral.cancel.kind=task-failed, error.type=*errors.errorString} ! scope s: task s/bad: boom → task bad
  · corral.cancel
  task bad 1ns {corral.task.result=failure, error.type=*errors.errorString} ! boom
    · corral.task.exception ERROR
  task sibling 1ns {corral.cancel.kind=task-failed, corral.task.result=cancellation} → task bad
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
scope s 1s {corral.cancel.kind=deadline, error.type=timeout} ! scope: s canceled (deadline): context deadline exceeded
  · corral.cancel
  task slow 1s {corral.cancel.kind=deadline, corral.task.result=timeout, error.type=timeout} ! scope: s canceled (deadline): context deadline exceeded → scope s
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
  task one {corral.cancel.kind=explicit, corral.task.result=cancellation} → scope s
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
scope s {corral.cancel.kind=task-failed, error.type=panic} ! scope: panic in task s/p: x → task p
  · corral.cancel
  task p {corral.task.result=panic, error.type=panic} ! scope: panic in task s/p: x
    · corral.task.exception ERROR
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
scope s {corral.cancel.kind=task-failed, error.type=goexit} ! scope s: task s/g: scope: ended by runtime.Goexit → task g
  · corral.cancel
  task g {corral.task.result=failure, error.type=goexit} ! scope: ended by runtime.Goexit
    · corral.task.exception ERROR
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
scope s 1ns
  · corral.cancel
task heart 1ns {corral.cancel.kind=scope-done, corral.task.background=true, corral.task.result=cancellation} → scope s
`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := testkit.NewRecorder(t)
				c.run(r.Context(tkBg))
				synctest.Wait()
				r.ExpectTree(c.want)
			})
		})
	}
}

// R80: puts and gets are leaves of who calls; a get links to where the item
// was put.
func TestQueueSpans(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		r := testkit.NewRecorder(t)
		err := scope.Run(r.Context(tkBg), func(ctx context.Context) error {
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
		count := map[string]int{}
		for _, s := range r.Spans() {
			count[s.Name]++
			require.Equal(t, "Unset", s.Status, "that a queue is closed in the end is no failure")
			if s.Name == "get jobs" && len(s.Links) == 1 {
				count["linked"]++
				require.Equal(t, otelx.OpsScopeName, s.Scope)
			}
		}
		require.Equal(t, map[string]int{"scope s": 1, "task producer": 1, "task consumer": 1, "put jobs": 3, "get jobs": 4, "linked": 3}, count)
	})
}

// R83: with no SDK nothing is allocated for telemetry: as much as without it.
func TestNoSDKNoAllocations(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
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
	testkit.Guard(t)
	r := tracetest.NewSpanRecorder()
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
	require.Empty(t, r.Started())
}
