package otelx_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test ./otelx -update")
	require.Equal(t, string(want), got, "if this is meant, run go test ./otelx -update")
}

var errBoom = errors.New("boom")

func sleep(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return scope.Sleep(ctx, d) }
}

func failAfter(d time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := scope.Sleep(ctx, d); err != nil {
			return err
		}
		return err
	}
}

// hare, tortoise and doze are tasks that are named after themselves.
func hare(ctx context.Context) (int, error)           { return 1, scope.Sleep(ctx, 2*time.Millisecond) }
func tortoise(ctx context.Context) (int, error)       { return 2, scope.Sleep(ctx, time.Hour) }
func doze(ctx context.Context, d time.Duration) error { return scope.Sleep(ctx, d) }

// scenarios is every way in which scopes, tasks and queues can end that a trace
// tells apart.
var scenarios = map[string]func(ctx context.Context){
	"success": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			user := task.Go(ctx, func(ctx context.Context) (int, error) { return 1, scope.Sleep(ctx, time.Second) }, scope.Name("user"))
			scope.Go(ctx, sleep(2*time.Second), scope.Name("cart"))
			_, err := user.Wait(ctx)
			return err
		}, scope.Name("checkout"))
	},
	"failure": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, failAfter(time.Second, errBoom), scope.Name("bad"))
			scope.Go(ctx, sleep(time.Hour), scope.Name("sibling"))
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, sleep(time.Hour), scope.Name("nephew"))
				return nil
			}, scope.Name("inner"))
		}, scope.Name("outer"))
	},
	"body failure": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, sleep(time.Hour), scope.Name("one"))
			return failAfter(time.Second, errBoom)(ctx)
		}, scope.Name("s"))
	},
	"timeout": func(ctx context.Context) {
		_ = scope.FailAfter(ctx, time.Second, func(ctx context.Context) error {
			scope.Go(ctx, sleep(time.Hour), scope.Name("slow"))
			return nil
		}, scope.Name("bounded"))
	},
	"move on": func(ctx context.Context) {
		_, _ = scope.MoveOnAfter(ctx, time.Second, sleep(time.Hour), scope.Name("optional"))
	},
	"task timeout": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, sleep(time.Hour), scope.Name("slow"), scope.Timeout(time.Second))
			return nil
		}, scope.Name("s"))
	},
	"cancel": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](0, csync.Name("jobs"))
			c := scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("one"))
			_ = scope.Sleep(ctx, time.Second)
			c.Cancel(errors.New("no longer needed"), scope.By(ctx))
			return nil
		}, scope.Name("s"))
	},
	"cancel scope": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](1, csync.Name("jobs"))
			scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("worker"))
			scope.Go(ctx, func(ctx context.Context) error {
				if err := scope.Sleep(ctx, time.Second); err != nil {
					return err
				}
				scope.From(ctx).Cancel(errors.New("enough"), scope.By(ctx))
				return nil
			}, scope.Name("boss"))
			return nil
		}, scope.Name("s"))
	},
	"panic": func(ctx context.Context) {
		defer func() { _ = recover() }()
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { _ = scope.Sleep(ctx, time.Second); panic("what") }, scope.Name("p"))
			return nil
		}, scope.Name("s"))
	},
	"goexit": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil }, scope.Name("g"))
			return nil
		}, scope.Name("s"))
	},
	"shield": func(ctx context.Context) {
		_, _ = scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, sleep(time.Second), scope.Name("flush"))
				return nil
			}, scope.Name("cleanup"), scope.Shield(), scope.Timeout(time.Minute))
		}, scope.Name("s"))
	},
	"background": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, sleep(time.Hour), scope.Name("heart"), scope.Background())
			scope.Go(ctx, sleep(2*time.Second), scope.Name("apart"), scope.NewRoot())
			return scope.Sleep(ctx, time.Second)
		}, scope.Name("s"))
	},
	"main": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, sleep(time.Second), scope.Name("main"), scope.Main())
			scope.Go(ctx, sleep(time.Hour), scope.Name("rest"))
			return nil
		}, scope.Name("s"))
	},
	"started": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			server := task.Start(ctx, func(ctx context.Context, started func(string) error) (int, error) {
				_ = scope.Sleep(ctx, time.Second)
				_ = started("ready")
				return 0, scope.Sleep(ctx, time.Second)
			}, scope.Name("server"))
			_, err := server.WaitStarted(ctx)
			return err
		}, scope.Name("s"))
	},
	"future": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			f := task.NewFuture[int](ctx, task.Name("answer"))
			late := task.NewFuture[int](ctx, task.Name("late"))
			var orphan *task.Future[int]
			scope.Go(ctx, func(ctx context.Context) error {
				orphan = task.NewFuture[int](ctx, task.Name("orphan"))
				_ = scope.Sleep(ctx, time.Second)
				_ = late.SetError(errBoom)
				return f.SetResult(42)
			}, scope.Name("maker"))
			_, err := f.Wait(ctx)
			_, _ = late.Wait(ctx)
			_ = scope.Sleep(ctx, time.Second)
			_ = orphan.SetResult(1) // its maker has ended: a root of its own
			return err
		}, scope.Name("s"))
	},
	"spawned elsewhere": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			outer := scope.From(ctx)
			scope.Go(ctx, func(ctx context.Context) error {
				scope.Go(ctx, sleep(time.Second), scope.Name("nested"), scope.In(outer))
				return nil
			}, scope.Name("spawner"))
			return nil
		}, scope.Name("s"))
	},
	"handled": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, failAfter(time.Second, errBoom), scope.Name("retried"),
				scope.OnError(func(context.Context, error) bool { return true }))
			return nil
		}, scope.Name("s"))
	},
	"supervised": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, failAfter(time.Second, errBoom), scope.Name("flaky"))
			scope.Go(ctx, sleep(2*time.Second), scope.Name("steady"))
			return nil
		}, scope.Name("s"), scope.Supervise(func(error) {}))
	},
	"race": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			_, err := wait.Race(ctx, hare, tortoise)
			return err
		}, scope.Name("s"))
	},
	"wait": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			a := scope.Go(ctx, sleep(time.Second), scope.Name("a"))
			b := scope.Go(ctx, sleep(2*time.Second), scope.Name("b"))
			_, _, err := wait.Wait(ctx, []*scope.Child{a, b}, wait.FirstCompleted)
			return errors.Join(err, scope.Sleep(ctx, 3*time.Second))
		}, scope.Name("s"))
	},
	"lock": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			l := csync.NewLock(csync.Name("l"))
			hold := func(before, held time.Duration) func(context.Context) error {
				return func(ctx context.Context) error {
					_ = scope.Sleep(ctx, before)
					if err := l.Acquire(ctx); err != nil {
						return err
					}
					_ = scope.Sleep(ctx, held)
					return l.Release(ctx)
				}
			}
			scope.Go(ctx, hold(0, 3*time.Second), scope.Name("holder"))
			scope.Go(ctx, hold(time.Second, time.Second), scope.Name("waiter"))
			return nil
		}, scope.Name("s"))
	},
	"primitives": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			ready := csync.NewEvent(csync.Name("ready"))
			lim := csync.NewCapacityLimiter(1, csync.Name("pool"))
			_ = lim.Acquire(ctx)
			scope.Go(ctx, func(ctx context.Context) error {
				_ = ready.Wait(ctx)
				_ = lim.Acquire(ctx)
				return lim.Release(ctx)
			}, scope.Name("t"))
			_ = scope.Sleep(ctx, time.Second)
			ready.Set() // by whom takes no ctx
			_ = scope.Sleep(ctx, time.Second)
			return lim.Release(ctx)
		}, scope.Name("s"))
	},
	"process": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q := csync.NewQueue[int](0, csync.Name("jobs"))
			work := func(ctx context.Context, item int) error {
				_ = scope.Sleep(ctx, time.Duration(item)*time.Second)
				if item == 3 {
					return errBoom
				}
				return nil
			}
			scope.Go(ctx, func(ctx context.Context) error { return q.Process(ctx, work) }, scope.Name("worker"))
			_ = scope.Sleep(ctx, time.Second)
			scope.Go(ctx, func(ctx context.Context) error { return q.Process(ctx, work) }, scope.Name("apart"), scope.Background())
			_ = scope.Sleep(ctx, time.Second)
			_ = q.Put(ctx, 1)
			_ = q.Put(ctx, 2)
			_ = q.Join(ctx)
			return q.Put(ctx, 3)
		}, scope.Name("s"))
	},
	"pipeline": pipeline,
	"shutdown": func(ctx context.Context) {
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				<-scope.Stopping(ctx)
				return scope.Sleep(ctx, time.Second)
			}, scope.Name("polite"))
			scope.Go(ctx, sleep(time.Hour), scope.Name("deaf"))
			_ = scope.Sleep(ctx, time.Second)
			scope.From(ctx).Shutdown(errors.New("deploy"), 3*time.Second)
			return nil
		}, scope.Name("service"))
	},
}

// pipeline has two producers and two consumers, out of step, so that it is
// known who meets whom.
func pipeline(ctx context.Context) {
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[string](2, csync.Name("jobs"))
		produce := func(first, every time.Duration, items ...string) func(context.Context) error {
			return func(ctx context.Context) error {
				_ = scope.Sleep(ctx, first)
				for _, item := range items {
					if err := q.Put(ctx, item); err != nil {
						return err
					}
					_ = scope.Sleep(ctx, every)
				}
				return nil
			}
		}
		a := scope.Go(ctx, produce(0, 10*time.Millisecond, "a1", "a2", "a3"), scope.Name("producer-a"))
		b := scope.Go(ctx, produce(4*time.Millisecond, 10*time.Millisecond, "b1", "b2", "b3"), scope.Name("producer-b"))
		consume := func(first, every time.Duration) func(context.Context) error {
			return func(ctx context.Context) error {
				_ = scope.Sleep(ctx, first)
				for {
					_, err := q.Get(ctx)
					if errors.Is(err, csync.ErrQueueClosed) {
						return nil
					}
					if err != nil {
						return err
					}
					_ = scope.Sleep(ctx, every)
				}
			}
		}
		scope.Go(ctx, consume(time.Millisecond, 15*time.Millisecond), scope.Name("consumer-1"))
		scope.Go(ctx, consume(7*time.Millisecond, 18*time.Millisecond), scope.Name("consumer-2"))
		_ = a.Wait(ctx)
		_ = b.Wait(ctx)
		q.Close()
		return nil
	}, scope.Name("pipeline"))
}

// R80, R81, R82 and the tables of telemetry.md, as whole trees.
func TestTrees(t *testing.T) {
	testkit.Guard(t)
	for name, run := range scenarios {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, r := record(t, true)
				run(ctx)
				synctest.Wait()
				golden(t, "trees/"+strings.ReplaceAll(name, " ", "-")+".txt", r.tree()+r.log())
			})
		})
	}
}

// The same for a signal, which comes from outside and in real time.
func TestShutdownBySignal(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, true)
	err := scope.Run(ctx, func(ctx context.Context) error {
		polite := scope.Go(ctx, func(ctx context.Context) error { <-scope.Stopping(ctx); return nil }, scope.Name("polite"))
		scope.Go(ctx, sleep(time.Hour), scope.Name("deaf"))
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR2))
		require.NoError(t, polite.Wait(ctx))
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR2))
		return nil
	}, scope.Name("service"), scope.Signals(time.Hour, syscall.SIGUSR2))
	require.NoError(t, err)
	service, deaf := r.one("scope service"), r.one("task deaf")
	require.Equal(t, service.SpanContext().SpanID(), r.one("shutdown service").Parent().SpanID())
	require.Equal(t, []string{"scope service"}, r.linked(deaf))
	for key, want := range map[string]string{
		"corral.task.result": "cancellation", "corral.cancel.kind": "shutdown", "corral.cancel.scope": "service",
		"corral.cancel.reason": "signal: user defined signal 2", "corral.cancel.task": "", "error.type": "",
	} {
		require.Equal(t, want, text(deaf, key), key)
	}
	require.Equal(t, "corral.cancel", service.Events()[0].Name)
	n, _ := value(service.Events()[0].Attributes, "corral.cancel.reached")
	require.EqualValues(t, 1, n.AsInt64())
}

// log prints the log events.
func (r *recording) log() string {
	var b strings.Builder
	for _, l := range r.logs.all() {
		b.WriteString("log " + l.SeverityText() + " " + l.EventName() + " in " + r.started[l.SpanID()] + ": " +
			strings.Join(lines(attrsOf(l)), " ") + "\n")
	}
	return b.String()
}
