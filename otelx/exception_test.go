package otelx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

func fails(err error) func(context.Context) error { return func(context.Context) error { return err } }

// exceptions is each way in which something goes wrong, and what is told of it:
// once, where it began.
var exceptions = map[string]struct {
	run  func(ctx context.Context) error
	want []string // severity, span, type, message
}{
	"a task": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, fails(errBoom), scope.Name("t"))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR task t *errors.errorString: boom"}},
	"a body": {func(ctx context.Context) error {
		return scope.Run(ctx, fails(errBoom), scope.Name("s"))
	}, []string{"ERROR scope s *errors.errorString: boom"}},
	"through levels": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := scope.Run(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error {
						scope.Go(ctx, fails(errBoom), scope.Name("deep"))
						return nil
					})
				})
				return fmt.Errorf("with text: %w", err)
			}, scope.Name("t"))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR task deep *errors.errorString: boom"}},
	"the error itself through levels": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := scope.Run(ctx, fails(errBoom), scope.Name("inner"))
				var all *scope.Error
				errors.As(err, &all)
				return all.Failures[0].Err
			}, scope.Name("t"))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR scope inner *errors.errorString: boom"}},
	"through a wait": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			t := task.Go(ctx, func(context.Context) (int, error) { return 0, errBoom }, scope.Name("t"))
			scope.Go(ctx, func(ctx context.Context) error {
				_, err := t.Wait(ctx)
				return fmt.Errorf("waiting: %w", err)
			}, scope.Name("waiter"))
			return nil
		}, scope.Name("s"), scope.Supervise(func(error) {}))
	}, []string{"WARN task t *errors.errorString: boom"}},
	"from hand to hand": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			f := task.NewFuture[error](ctx)
			scope.Go(ctx, func(ctx context.Context) error {
				return f.SetResult(scope.Run(ctx, fails(errBoom), scope.Name("inner")))
			}, scope.Name("maker"))
			scope.Go(ctx, func(ctx context.Context) error {
				err, _ := f.Wait(ctx)
				return fmt.Errorf("from the maker: %w", err)
			}, scope.Name("taker"))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR scope inner *errors.errorString: boom"}},
	"one value, two failures": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			a := scope.Go(ctx, fails(errBoom), scope.Name("a"))
			<-a.Done()
			b := scope.Go(ctx, fails(errBoom), scope.Name("b"))
			<-b.Done()
			return nil
		}, scope.Name("s"), scope.Supervise(nil))
	}, []string{"ERROR task a *errors.errorString: boom", "ERROR task b *errors.errorString: boom"}},
	"handled": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, fails(errBoom), scope.Name("t"), scope.OnError(func(context.Context, error) bool { return true }))
			return nil
		}, scope.Name("s"))
	}, []string{"WARN task t *errors.errorString: boom"}},
	"offered and not handled": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, fails(errBoom), scope.Name("t"), scope.OnError(func(context.Context, error) bool { return false }))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR task t *errors.errorString: boom"}},
	"a panic": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(context.Context) error { panic(42) }, scope.Name("inner"))
			}, scope.Name("t"))
			return nil
		}, scope.Name("s"), scope.PanicsAsErrors())
	}, []string{"ERROR scope inner int: 42 (stack)"}},
	"a panic of a task, handled": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { panic(errBoom) }, scope.Name("t"),
				scope.OnError(func(context.Context, error) bool { return true }))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR task t *errors.errorString: boom (stack)"}},
	"goexit": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil }, scope.Name("t"))
			return nil
		}, scope.Name("s"))
	}, []string{"ERROR task t *scope.sentinel: scope: ended by runtime.Goexit"}},
	"a callback that panics": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			hold := make(chan struct{})
			t := task.Go(ctx, func(context.Context) (int, error) { <-hold; return 0, nil }, scope.Name("t"))
			t.AddDoneCallback(func(*task.Task[int]) { panic("cb") })
			close(hold)
			return nil
		}, scope.Name("s"), scope.PanicsAsErrors())
	}, []string{"ERROR task t string: cb (stack)"}},
	"old and new joined": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			err := scope.Run(ctx, fails(errBoom), scope.Name("inner"))
			return errors.Join(err, errors.New("and more"))
		}, scope.Name("s"))
	}, []string{"ERROR scope inner *errors.errorString: boom", "ERROR scope s *errors.errorString: and more"}},
	"nothing": {func(ctx context.Context) error {
		return scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			scope.From(ctx).Cancel(errors.New("enough"))
			return nil
		}, scope.Name("s"))
	}, nil},
}

func told(severity, span string, get func(key string) string) string {
	message, _, _ := strings.Cut(get("exception.message"), "\n")
	s := fmt.Sprintf("%s %s %s: %s", severity, span, get("exception.type"), message)
	if strings.Contains(get("exception.stacktrace"), "exception_test.go") {
		s += " (stack)"
	}
	return s
}

// Failures and panics are told once, at their origin, as a log event.
func TestExceptions(t *testing.T) {
	testkit.Guard(t)
	for name, c := range exceptions {
		t.Run(name, func(t *testing.T) {
			ctx, r := record(t, true)
			_ = c.run(ctx)
			var got []string
			for _, l := range r.logs.all() {
				require.Equal(t, "corral.task.exception", l.EventName())
				require.True(t, l.TraceID().IsValid())
				got = append(got, told(l.SeverityText(), r.started[l.SpanID()], func(key string) string {
					v, _ := value(attrsOf(l), key)
					return v.AsString()
				}))
			}
			require.ElementsMatch(t, c.want, got) // Done closes before the failure is told
			for _, s := range r.spans() {
				for _, e := range s.Events() {
					require.Equal(t, "corral.cancel", e.Name, "told in the log already")
				}
			}
		})
	}
}

// Without an enabled logger they are one event of the span.
func TestExceptionsWithoutALogger(t *testing.T) {
	testkit.Guard(t)
	disabled := sdklog.NewLoggerProvider(sdklog.WithProcessor(deaf{new(logs)}))
	for kind, opts := range map[string][]otelx.Option{"none": nil, "disabled": {otelx.WithLoggerProvider(disabled)}} {
		for name, c := range exceptions {
			t.Run(kind+"/"+name, func(t *testing.T) {
				ctx, r := record(t, false, opts...)
				_ = c.run(ctx)
				var got []string
				for _, s := range r.spans() {
					for _, e := range s.Events() {
						if e.Name == "corral.task.exception" {
							got = append(got, told("", s.Name(), func(key string) string {
								v, _ := value(e.Attributes, key)
								return v.AsString()
							}))
						}
					}
				}
				var want []string
				for _, w := range c.want {
					want = append(want, strings.TrimPrefix(strings.TrimPrefix(w, "ERROR"), "WARN"))
				}
				require.ElementsMatch(t, want, got)
			})
		}
	}
}

type deaf struct{ *logs }

func (deaf) Enabled(context.Context, sdklog.EnabledParameters) bool { return false }

// Log events do not depend on sampling.
func TestExceptionsUnsampled(t *testing.T) {
	testkit.Guard(t)
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, r := record(t, true, otelx.WithTracerProvider(never))
	_ = exceptions["through levels"].run(ctx)
	require.Len(t, r.logs.all(), 1)
}

type hostile struct{}

func (hostile) Error() string     { panic("Error") }
func (hostile) ErrorType() string { panic("ErrorType") }

// R84: an error whose methods panic changes nothing, and does not count as a
// failure of the provider.
func TestHostileError(t *testing.T) {
	testkit.Guard(t)
	for _, withLogs := range []bool{true, false} {
		ctx, r := record(t, withLogs)
		var err error
		for range 2 {
			err = scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, fails(hostile{}), scope.Name("t"))
				return nil
			}, scope.Name("s"))
		}
		require.ErrorIs(t, err, hostile{})
		require.Len(t, r.named("task t"), 2)
		require.Equal(t, "otelx_test.hostile", text(r.named("task t")[1], "error.type"))
		require.Equal(t, "otelx_test.hostile (its Error method panics)", r.named("task t")[1].Status().Description)
	}
}

// trace_id, span_id, scope and task on every record, outside the groups.
func TestLogHandler(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false)
	var buf bytes.Buffer
	log := slog.New(otelx.LogHandler(slog.NewTextHandler(&buf, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{}
			}
			return a
		},
	})))
	line := func(f func()) string {
		buf.Reset()
		f()
		return strings.TrimSpace(buf.String())
	}
	require.Equal(t, "level=INFO msg=bare a=1", line(func() { log.With("a", 1).Info("bare") }))
	require.Equal(t, "level=INFO msg=bare g.a=1", line(func() { log.WithGroup("g").Info("bare", "a", 1) }))
	require.False(t, log.Enabled(ctx, slog.LevelDebug))
	err := scope.Run(ctx, func(ctx context.Context) error {
		ids := func(id string) string {
			return "trace_id=" + r.spanOf(id).TraceID().String() + " span_id=" + r.spanOf(id).SpanID().String()
		}
		require.Equal(t, "level=INFO msg=body "+ids("scope s")+" corral.scope.path=s",
			line(func() { log.InfoContext(ctx, "body") }))
		return scope.Go(ctx, func(ctx context.Context) error {
			where := ids("task t") + " corral.scope.path=s corral.task.name=t"
			require.Equal(t, "level=INFO msg=m a=1 "+where, line(func() { log.InfoContext(ctx, "m", "a", 1) }))
			require.Equal(t, "level=INFO msg=m b=2 "+where+" g.c=3 g.h.a=1",
				line(func() { log.With("b", 2).WithGroup("g").With("c", 3).WithGroup("h").InfoContext(ctx, "m", "a", 1) }))
			require.Equal(t, "level=INFO msg=m a=1 "+where, line(func() { log.WithGroup("").With().InfoContext(ctx, "m", "a", 1) }))
			return nil
		}, scope.Name("t")).Wait(ctx)
	}, scope.Name("s"))
	require.NoError(t, err)
	require.Panics(t, func() { otelx.LogHandler(nil) })

	// Without an SDK the place is known all the same.
	_ = scope.Run(context.Background(), func(ctx context.Context) error {
		require.Equal(t, "level=INFO msg=m corral.scope.path=plain", line(func() { log.InfoContext(ctx, "m") }))
		return nil
	}, scope.Name("plain"))
}
