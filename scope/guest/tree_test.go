package guest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/wait"
)

// Everything that can wait does, and every piece of code of the guest's stands
// on the host's thread: bodies, tasks, callbacks, handlers, clean-up, done.
func TestEverythingOnTheHostsThread(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		touch := func() { h.touch(t) }
		out := withGoroutines(t, h, func(ctx context.Context, outer *scope.Scope) (int, error) {
			touch()
			steps := []func(ctx context.Context) error{
				scope.Checkpoint,
				func(ctx context.Context) error { return scope.Sleep(ctx, time.Second) },
				func(ctx context.Context) error { return scope.SleepUntil(ctx, time.Now().Add(time.Second)) },
				func(ctx context.Context) error {
					timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error { defer touch(); return forever(ctx) })
					require.True(t, timedOut)
					return err
				},
				func(ctx context.Context) error {
					err := scope.FailAfter(ctx, time.Second, func(ctx context.Context) error { defer touch(); return forever(ctx) })
					require.ErrorIs(t, err, context.DeadlineExceeded)
					return nil
				},
				func(ctx context.Context) error { // a shield in a cancelled scope
					s := scope.New()
					return s.Run(ctx, func(ctx context.Context) error {
						s.Cancel(nil)
						return scope.Shielded(ctx, time.Minute, func(ctx context.Context) error { return scope.Sleep(ctx, time.Second) })
					})
				},
				func(ctx context.Context) error { // futures, set here and on a goroutine
					for _, opts := range [][]scope.TaskOption{nil, {scope.In(outer)}} {
						f := task.NewFuture[int](ctx)
						scope.Go(ctx, func(ctx context.Context) error {
							defer func() { require.NoError(t, f.SetResult(1)) }()
							return scope.Sleep(ctx, time.Second)
						}, opts...)
						if _, err := f.Wait(ctx); err != nil {
							return err
						}
						touch()
					}
					return nil
				},
				func(ctx context.Context) error { // callbacks, which wait
					f := new(task.Future[int])
					child := task.Go(ctx, func(ctx context.Context) (int, error) { return 1, scope.Checkpoint(ctx) })
					child.AddDoneCallback(func(*task.Task[int]) {
						touch()
						require.NoError(t, scope.Sleep(ctx, time.Second)) // with the ctx of another host task
						touch()
						require.NoError(t, f.SetResult(1))
					})
					_, err := f.Wait(ctx)
					return err
				},
				func(ctx context.Context) error { // started tasks
					started := task.Start(ctx, func(ctx context.Context, started func(int) error) (int, error) {
						if err := scope.Sleep(ctx, time.Second); err != nil {
							return 0, err
						}
						return 2, started(1)
					})
					if _, err := started.WaitStarted(ctx); err != nil {
						return err
					}
					_, err := started.Wait(ctx)
					return err
				},
				func(ctx context.Context) error { // failures, and their handlers
					child := scope.Go(ctx, func(ctx context.Context) error { _ = scope.Checkpoint(ctx); return errBoom },
						scope.OnError(func(ctx context.Context, err error) bool { touch(); return scope.Sleep(ctx, time.Second) == nil }))
					return child.Wait(ctx)
				},
				func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error {
						scope.Go(ctx, func(context.Context) error { panic("supervised") })
						return nil
					}, scope.Supervise(func(error) { touch() }))
				},
				func(ctx context.Context) error { // a limit: spawning waits
					return scope.Run(ctx, func(ctx context.Context) error {
						for range 5 {
							scope.Go(ctx, func(ctx context.Context) error { defer touch(); return scope.Sleep(ctx, time.Second) })
							touch()
						}
						return nil
					}, scope.Limit(2))
				},
				func(ctx context.Context) error { // one that waits for its turn is cancelled: its callbacks
					return scope.Run(ctx, func(ctx context.Context) error {
						s := scope.From(ctx)
						hold := scope.Go(ctx, func(ctx context.Context) error {
							late := task.Go(ctx, func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
							late.AddDoneCallback(func(*task.Task[int]) { touch() })
							s.Cancel(errWhy)
							_, _ = late.Wait(ctx)
							return scope.CauseOf(ctx)
						})
						return hold.Wait(ctx)
					}, scope.Limit(1))
				},
				func(ctx context.Context) error { // queues, full and empty, with a goroutine and without
					for _, opts := range [][]scope.TaskOption{nil, {scope.In(outer)}} {
						q := csync.NewQueue[int](1)
						scope.Go(ctx, func(ctx context.Context) error {
							for range 10 {
								if _, err := q.Get(ctx); err != nil {
									return err
								}
							}
							return nil
						}, opts...)
						for i := range 10 {
							if err := q.Put(ctx, i); err != nil {
								return err
							}
							touch()
						}
					}
					return nil
				},
				func(ctx context.Context) error { // wait, and its functions
					after := func(d time.Duration) func(context.Context) (time.Duration, error) {
						return func(ctx context.Context) (time.Duration, error) { defer touch(); return d, scope.Sleep(ctx, d) }
					}
					plain, stop := context.WithTimeout(bg, time.Second) // none of ours
					defer stop()
					aws := []task.Awaitable{plain, task.Go(ctx, after(2*time.Second)), scope.Go(ctx, forever, scope.Background())}
					done, pending, err := wait.Wait(ctx, aws, wait.Timeout(time.Minute))
					require.NoError(t, err)
					require.Len(t, done, 2)
					require.Len(t, pending, 1)
					for range wait.AsCompleted(ctx, done) {
						touch()
					}
					first, err := wait.Race(ctx, after(time.Hour), after(time.Second))
					require.Equal(t, time.Second, first)
					if err != nil {
						return err
					}
					all, err := wait.All(ctx, after(1), after(2))
					require.Equal(t, []time.Duration{1, 2}, all)
					return err
				},
				func(ctx context.Context) error { // a goroutine task cancels a host task, and is waited for
					var victim *scope.Child
					began := new(task.Future[int])
					victim = scope.Go(ctx, func(ctx context.Context) error {
						defer touch()
						require.NoError(t, began.SetResult(1))
						return forever(ctx)
					})
					killer := scope.Go(ctx, func(ctx context.Context) error {
						_, err := began.Wait(ctx)
						require.True(t, victim.Cancel(errWhy))
						return errors.Join(err, scope.Sleep(ctx, time.Second))
					}, scope.In(outer))
					require.ErrorIs(t, victim.Wait(ctx), errWhy)
					return killer.Wait(ctx)
				},
			}
			for i, step := range steps {
				child := scope.Go(ctx, func(ctx context.Context) error {
					touch()
					defer touch()
					return step(ctx)
				})
				require.NoError(t, child.Wait(ctx), "step %d", i)
				touch()
			}
			c := &crowd{t, h, outer}
			for _, more := range []map[string]func(ctx context.Context) error{c.primitives(), c.waits()} {
				for name, step := range more {
					err := scope.Run(ctx, func(ctx context.Context) error { return step(ctx) }, scope.Name(name))
					require.NoError(t, err, name)
					touch()
				}
			}
			return len(steps), nil
		})
		require.NoError(t, out.Err)
		require.Equal(t, 16, out.Value)
	})
}

// The live tree shows host tasks, and what they wait for.
func TestInTheTree(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			q := csync.NewQueue[int](1, csync.Name("jobs"))
			scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("getter"))
			scope.Go(ctx, forever, scope.Name("sleeper"), scope.Background())
			require.NoError(t, scope.Sleep(ctx, time.Second))
			snap := scope.Snapshots()[0]
			require.Contains(t, snap.Path, "TestInTheTree")
			require.Len(t, snap.Tasks, 2)
			require.Equal(t, snap.Path+"/getter", snap.Tasks[0].Path)
			require.Equal(t, "queue.get", snap.Tasks[0].WaitingOn.Kind)
			require.Equal(t, "jobs", snap.Tasks[0].WaitingOn.Name)
			require.Equal(t, "sleep", snap.Tasks[1].WaitingOn.Kind)
			return 1, q.Put(ctx, 1)
		})
		require.NoError(t, out.Err)
		require.Empty(t, scope.Snapshots())
	})
}

// R81: a run is a trace of its own, linked to who has started it, since it may
// outlive that; the spans inside are as anywhere.
func TestSpans(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		rec := tracetest.NewSpanRecorder()
		check := invariant.New()
		tp := check.Provider(sdktrace.WithSpanProcessor(rec))
		inst, err := otelx.New(otelx.WithTracerProvider(tp))
		require.NoError(t, err)
		ctx, origin := tp.Tracer("test").Start(otelx.NewContext(bg, inst), "click")
		out := run(t, h, ctx, func(ctx context.Context) (int, error) {
			child := scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Millisecond) }, scope.Name("child"))
			require.NoError(t, child.Wait(ctx))
			origin.End()
			return 1, nil
		})
		require.NoError(t, out.Err)
		require.Empty(t, invariant.Text(check.Broken()))
		spans := map[string]sdktrace.ReadOnlySpan{}
		for _, s := range rec.Ended() {
			require.NotContains(t, spans, s.Name())
			spans[s.Name()] = s
		}
		var top, child sdktrace.ReadOnlySpan
		for name, s := range spans {
			switch {
			case name == "click":
			case !s.Parent().IsValid():
				top = s
			case name == "task child":
				child = s
			}
		}
		require.NotNil(t, top)
		require.NotNil(t, child, "%v", spans)
		require.Len(t, top.Links(), 1)
		require.Equal(t, origin.SpanContext().SpanID(), top.Links()[0].SpanContext.SpanID())
		require.NotEqual(t, origin.SpanContext().TraceID(), top.SpanContext().TraceID())
		require.Equal(t, top.SpanContext().SpanID(), child.Parent().SpanID())
	})
}
