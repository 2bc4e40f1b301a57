package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type fn = func(ctx context.Context) error

func sleep(d time.Duration) fn {
	return func(ctx context.Context) error { return scope.Sleep(ctx, d) }
}

// ofSpans is what a dump says of them: in a traced run there are some.
var ofSpans = regexp.MustCompile(" trace [0-9a-f]{32} span [0-9a-f]{16}")

// golden compares the dump with testdata/name.txt.
func golden(t *testing.T, name string) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, monitor.Dump(&b))
	file := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), ofSpans.ReplaceAllString(b.String(), ""))
}

// dumped runs body in a scope in virtual time, waits until everything in it is
// parked, lets d go by, and compares the dump.
func dumped(t *testing.T, name string, d time.Duration, body fn, opts ...scope.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("seen")
		s := scope.New(opts...)
		err := s.Run(context.Background(), func(ctx context.Context) error {
			if err := body(ctx); err != nil {
				return err
			}
			time.Sleep(d)
			synctest.Wait()
			golden(t, name)
			s.Cancel(enough)
			return nil
		})
		require.NoError(t, err)
	})
}

func TestDumpGolden(t *testing.T) {
	invariant.Untraced(t)
	testkit.Guard(t)
	t.Run("empty", func(t *testing.T) { golden(t, "empty") })

	t.Run("workers", func(t *testing.T) {
		jobs := csync.NewQueue[int](0, csync.Name("jobs"))
		dumped(t, "workers", 9300*time.Millisecond, func(ctx context.Context) error {
			for range 97 {
				scope.Go(ctx, func(ctx context.Context) error { _, err := jobs.Get(ctx); return err }, scope.Name("worker"))
			}
			scope.Go(ctx, sleep(time.Hour), scope.Name("ticker"))
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error {
						scope.Go(ctx, sleep(time.Hour), scope.Name("read"))
						return scope.Sleep(ctx, time.Hour)
					}, scope.Name("conn"), scope.Shield(), scope.Timeout(time.Minute), scope.MoveOn())
				}, scope.Name("handler"))
			}
			return nil
		}, scope.Name("service"))
	})

	t.Run("cancelled", func(t *testing.T) {
		dumped(t, "cancelled", 3*time.Second, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						return scope.Shielded(ctx, time.Minute, sleep(5*time.Second))
					}, scope.Name("flush"))
					time.Sleep(time.Millisecond)
					scope.From(ctx).Cancel(errors.New("the user left"), scope.By(ctx))
					return nil
				}, scope.Name("request"))
			}, scope.Name("handler"))
			return nil
		}, scope.Name("service"))
	})

	t.Run("full", func(t *testing.T) {
		out := csync.NewQueue[int](1, csync.Name("out"))
		dumped(t, "full", 2*time.Second, func(ctx context.Context) error {
			for range 3 {
				scope.Go(ctx, func(ctx context.Context) error {
					for {
						if err := out.Put(ctx, 1); err != nil {
							return err
						}
					}
				}, scope.Name("producer"))
			}
			return nil
		}, scope.Name("service"))
	})

	t.Run("idle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var stop csync.Queue[int]
			done := make(chan error)
			go func() {
				done <- scope.Run(context.Background(), func(ctx context.Context) error {
					_, err := stop.Get(ctx)
					return err
				}, scope.Name("service"))
			}()
			time.Sleep(time.Minute)
			golden(t, "idle")
			require.NoError(t, stop.Put(context.Background(), 1))
			require.NoError(t, <-done)
		})
	})

	t.Run("hostile", func(t *testing.T) {
		dumped(t, "hostile", time.Second, func(ctx context.Context) error {
			for _, name := range []string{
				"\x1b[2J\x1b[1;31mred", "two\nlines", "worker ×97 waiting", "bad\xff\xfeutf", "\u202egnirts", "tab\t", "zero\u200bwidth", "naïve_Näme.func1", strings.Repeat("long", 1000),
			} {
				q := csync.NewQueue[int](0, csync.Name(name))
				scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name(name))
			}
			return nil
		}, scope.Name("service"))
	})
}

// Two tasks that wait for each other are certain; a slow queue is not.
func TestDumpDeadlock(t *testing.T) {
	testkit.Guard(t)
	dumped(t, "deadlock", 2*time.Second, func(ctx context.Context) error {
		ready := make(chan struct{})
		var a, b *scope.Child
		a = scope.Go(ctx, func(ctx context.Context) error { <-ready; return b.Wait(ctx) }, scope.Name("a"))
		b = scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("b"))
		scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("behind"))
		scope.Go(ctx, func(ctx context.Context) error {
			var slow csync.Queue[int]
			_, err := slow.Get(ctx)
			return err
		}, scope.Name("slow"))
		close(ready)
		return nil
	}, scope.Name("main"))
}

// Two tasks of one name, each with the lock that the other wants.
func TestDumpDeadlockOfLocks(t *testing.T) {
	testkit.Guard(t)
	dumped(t, "deadlock-locks", 2*time.Second, func(ctx context.Context) error {
		db, cache := csync.NewLock(csync.Name("db")), csync.NewLock(csync.Name("cache"))
		both := func(first, second *csync.Lock) func(context.Context) error {
			return func(ctx context.Context) error {
				if err := first.Acquire(ctx); err != nil {
					return err
				}
				defer func() { _ = first.Release(ctx) }() // or else whoever is cancelled second may hear of a broken lock
				time.Sleep(time.Second)
				return second.Acquire(ctx)
			}
		}
		scope.Go(ctx, both(db, cache), scope.Name("payment"))
		scope.Go(ctx, both(cache, db), scope.Name("payment"))
		return nil
	}, scope.Name("checkout"))
}

// A cycle that goes through the end of a scope, and tasks of one name: a waits
// at the end of its scope for c in it, c for b, and b for a. Twice the same, so
// that paths alone would not do.
func TestDumpDeadlockThroughJoin(t *testing.T) {
	testkit.Guard(t)
	dumped(t, "deadlock-join", 2*time.Second, func(ctx context.Context) error {
		for range 2 {
			ready := make(chan struct{})
			var a, b *scope.Child
			a = scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, sleep(3*time.Second), scope.Name("other"))
					scope.Go(ctx, func(ctx context.Context) error { <-ready; return b.Wait(ctx) }, scope.Name("c"))
					return nil
				}, scope.Name("in"))
			}, scope.Name("a"))
			b = scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("b"))
			close(ready)
		}
		return nil
	}, scope.Name("main"))
}

// A Background task that waits for the task whose scope it is in is no deadlock:
// it is cancelled when the rest has ended.
func TestDumpBackgroundIsNoDeadlock(t *testing.T) {
	testkit.Guard(t)
	dumped(t, "background", 2*time.Second, func(ctx context.Context) error {
		ready := make(chan struct{})
		var a, b *scope.Child
		a = scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, sleep(3*time.Second), scope.Name("other"))
				scope.Go(ctx, func(ctx context.Context) error { <-ready; return b.Wait(ctx) }, scope.Name("back"), scope.Background())
				return nil
			}, scope.Name("in"))
		}, scope.Name("a"))
		b = scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("b"))
		close(ready)
		return nil
	}, scope.Name("main"))
}

// A future whose maker has ended is lost; one whose maker lives is not, and
// neither is one that has been set.
func TestDumpLostWake(t *testing.T) {
	testkit.Guard(t)
	dumped(t, "lost-wake", 2*time.Second, func(ctx context.Context) error {
		made := make(chan *task.Future[int], 1)
		scope.Go(ctx, func(ctx context.Context) error {
			made <- task.NewFuture[int](ctx, task.Name("reply"))
			return nil
		}, scope.Name("maker"))
		lost := <-made
		scope.Go(ctx, func(ctx context.Context) error { _, err := lost.Wait(ctx); return err }, scope.Name("waiter"))
		scope.Go(ctx, func(ctx context.Context) error {
			f := task.NewFuture[int](ctx, task.Name("own"))
			scope.Go(ctx, func(ctx context.Context) error { _, err := f.Wait(ctx); return err }, scope.Name("patient"))
			return scope.Sleep(ctx, time.Hour)
		}, scope.Name("living"))
		return nil
	}, scope.Name("main"))
}

type hanging struct{ c chan struct{} }

func (h hanging) Error() string { <-h.c; return "late" }

type panicking struct{}

func (panicking) Error() string { panic("no") }

// An Error method of the program's that hangs or panics does not stop the dump.
func TestDumpForeignError(t *testing.T) {
	testkit.Guard(t)
	dumped(t, "foreign-error", 0, func(ctx context.Context) error {
		h := hanging{make(chan struct{})}
		for i, err := range []error{panicking{}, h, h} {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.From(ctx).Cancel(err)
					time.Sleep(2 * time.Minute)
					return nil
				}, scope.Name("in"))
			}, scope.Name("t"+strconv.Itoa(i)))
		}
		time.AfterFunc(time.Minute, func() { close(h.c) })
		return nil
	}, scope.Name("main"))
}

type refusing struct{}

var errRefused = errors.New("refused")

func (refusing) Write([]byte) (int, error) { return 0, errRefused }

// R90: misuse.
func TestDumpMisuse(t *testing.T) {
	testkit.Guard(t)
	require.ErrorIs(t, monitor.Dump(refusing{}), errRefused)
	require.PanicsWithValue(t, "monitor: Dump with a nil writer: pass os.Stderr, or where else the text should go", func() { _ = monitor.Dump(nil) })
	require.Panics(t, func() { _ = monitor.DumpOnSignal(context.Background(), nil) })
	require.Panics(t, func() { _ = monitor.DumpOnSignal(nil, os.Stderr) })
}
