package sync_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// spansOf prints the spans of body, sorted: parent > name, what they say of
// blocking, error, cancellation and queue, status, links.
func spansOf(t *testing.T, body func(ctx context.Context)) (lines []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := testkit.NewRecorder(t)
		_ = scope.Run(r.Context(background), func(ctx context.Context) error {
			body(ctx)
			return nil
		}, scope.Name("main"), scope.PanicsAsErrors())
		for _, s := range r.Spans() {
			lines = append(lines, spanLine(s))
		}
	})
	slices.Sort(lines)
	return lines
}

func spanLine(s testkit.Span) string {
	line := s.Name
	if s.Parent != "" {
		line = s.Parent + " > " + line
	}
	for _, kv := range s.Attributes {
		switch kv.Key {
		case "corral.op.blocked":
			if kv.Value.AsBool() {
				line += " blocked"
			}
		case "error.type", "corral.cancel.kind", "corral.queue.name":
			line += " " + kv.Value.AsString()
		}
	}
	if s.Status != "Unset" {
		line += " [" + s.Status + "]"
	}
	for _, l := range s.Links {
		line += " → " + l
	}
	return line
}

// of returns the lines with that word.
func of(lines []string, word string) (some []string) {
	for _, l := range lines {
		if strings.Contains(l, word) {
			some = append(some, l)
		}
	}
	return some
}

func withoutLinks(lines []string) (plain []string) {
	for _, l := range lines {
		l, _, _ = strings.Cut(l, " → ")
		plain = append(plain, l)
	}
	slices.Sort(plain)
	return plain
}

// R80, R82: an operation in which a function of the caller's panics, or ends the
// goroutine, is told all the same.
func TestSpansWithoutReturn(t *testing.T) {
	testkit.Guard(t)
	for name, end := range map[string]func(){"panic": func() { panic("oh") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			lines := spansOf(t, func(ctx context.Context) {
				q := csync.NewPriorityQueue(0, func(int, int) bool { end(); return false }, csync.Name("q"))
				_, _ = q.Put(ctx, 1), q.Put(ctx, 2)
				scope.Go(ctx, func(ctx context.Context) error { _, _ = q.Get(ctx); return nil }, scope.Name("getter"))
			})
			require.Equal(t, []string{"task getter > get q q panic [Error]"}, withoutLinks(of(lines, "get q")))
			lines = spansOf(t, func(ctx context.Context) {
				l := csync.NewLock()
				c := csync.NewCondition(l, csync.Name("c"))
				scope.Go(ctx, func(ctx context.Context) error {
					_ = l.Acquire(ctx)
					return c.WaitFor(ctx, func() bool { end(); return false })
				}, scope.Name("waiter"))
			})
			require.Equal(t, []string{"task waiter > acquire c panic [Error]"}, withoutLinks(of(lines, "acquire c")))
		})
	}
}

// R80: each operation has a leaf of its own; one that had to wait says so, what
// a Try answers is no failure, and what is refused is one.
func TestAcquireSpans(t *testing.T) {
	testkit.Guard(t)
	lines := spansOf(t, func(ctx context.Context) {
		e := csync.NewEvent(csync.Name("e"))
		l := csync.NewLock(csync.Name("l"))
		s := csync.NewSemaphore(1, csync.Name("s"))
		lim := csync.NewCapacityLimiter(1, csync.Name("lim"))
		r := csync.NewResourceLock[int](csync.Name("r"))
		b := csync.NewBarrier(2, csync.Name("b"))
		c := csync.NewCondition(l, csync.Name("c"))
		_ = l.Acquire(ctx)
		_ = l.Acquire(ctx)
		_ = s.Acquire(ctx)
		_ = s.TryAcquire(ctx)
		_ = lim.Acquire(ctx)
		_ = r.Acquire(ctx, 1)
		task := scope.Go(ctx, func(ctx context.Context) error {
			_ = e.Wait(ctx)
			_ = l.Acquire(ctx)
			_ = s.Acquire(ctx)
			_ = lim.Acquire(ctx)
			_ = lim.TryAcquire(ctx)
			_ = r.Acquire(ctx, 1)
			_, _ = b.Wait(ctx)
			_ = c.WaitFor(ctx, func() bool { return false })
			return nil
		}, scope.Name("t"))
		steps := []func(){
			e.Set, func() { _ = l.Release(ctx) }, func() { _ = s.Release() }, func() { _ = lim.Release(ctx) },
			func() { _ = r.Release(ctx, 1) }, func() { _, _ = b.Wait(ctx) }, func() { task.Cancel(errStop) },
		}
		for _, step := range steps {
			synctest.Wait()
			time.Sleep(time.Second)
			step()
		}
		_ = task.Wait(ctx)
	})
	require.Equal(t, []string{
		"scope main > acquire b",
		"scope main > acquire l",
		"scope main > acquire l already_owner [Error]",
		"scope main > acquire lim",
		"scope main > acquire r",
		"scope main > acquire s",
		"scope main > acquire s would_block",
		"task t > acquire b blocked",
		"task t > acquire c blocked explicit",
		"task t > acquire e blocked",
		"task t > acquire l blocked",
		"task t > acquire lim already_owner [Error]",
		"task t > acquire lim blocked",
		"task t > acquire r blocked",
		"task t > acquire s blocked",
	}, withoutLinks(of(lines, "acquire")))
}

// R80, R81: one unit of work per item: below the worker, or for a Background
// worker a trace of its own, linked to where the item was put.
func TestProcessSpans(t *testing.T) {
	testkit.Guard(t)
	lines := spansOf(t, func(ctx context.Context) {
		q := csync.NewQueue[int](0, csync.Name("jobs"))
		work := func(ctx context.Context) error {
			return q.Process(ctx, func(ctx context.Context, v int) error {
				if v == 2 {
					_ = scope.Run(ctx, func(context.Context) error { return nil }, scope.Name("inside"))
				}
				return nil
			})
		}
		put := func(v int) {
			scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, v) }, scope.Name("putter"))
			synctest.Wait()
		}
		worker := scope.Go(ctx, work, scope.Name("worker"))
		synctest.Wait()
		put(1)
		worker.Cancel(errStop)
		synctest.Wait()
		scope.Go(ctx, work, scope.Name("back"), scope.Background())
		synctest.Wait()
		put(2)
	})
	require.Equal(t, []string{
		"process jobs > scope inside",
		"process jobs jobs → task back → task putter",
		"task worker > process jobs jobs → task putter",
	}, of(lines, "process"))
	require.Equal(t, []string{
		"task back > get jobs blocked jobs", "task back > get jobs blocked jobs scope-done",
		"task worker > get jobs blocked jobs", "task worker > get jobs blocked jobs explicit",
	}, withoutLinks(of(lines, "> get jobs")))
	require.Len(t, of(of(lines, "> get jobs"), "→ task putter"), 2)
}

func canceling(ctx context.Context) error {
	scope.TaskFrom(ctx).Cancel(errStop)
	return scope.Checkpoint(ctx)
}

// R82: the span of a unit of work ends on every path, and says how.
func TestProcessSpanEnds(t *testing.T) {
	testkit.Guard(t)
	for name, c := range map[string]struct {
		fn   func(ctx context.Context) error
		want string
	}{
		"nil":      {func(context.Context) error { return nil }, "process jobs"},
		"error":    {func(context.Context) error { return csync.ErrBusy }, "process jobs busy [Error]"},
		"foreign":  {func(context.Context) error { return context.Canceled }, "process jobs *errors.errorString [Error]"}, // R14
		"canceled": {canceling, "process jobs explicit"},
		"timeout":  {func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, "process jobs timeout deadline [Error]"},
		"panic":    {func(context.Context) error { panic("oh") }, "process jobs panic [Error]"},
		"an error": {func(context.Context) error { panic(errStop) }, "process jobs panic [Error]"},
		"goexit":   {func(context.Context) error { runtime.Goexit(); return nil }, "process jobs goexit [Error]"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := spansOf(t, func(ctx context.Context) {
				q := csync.NewQueue[int](0, csync.Name("jobs"))
				_ = q.Put(ctx, 1)
				q.Close()
				scope.Go(ctx, func(ctx context.Context) error {
					return q.Process(ctx, func(ctx context.Context, _ int) error { return c.fn(ctx) })
				}, scope.Name("worker"), scope.Timeout(time.Minute))
			})
			got := of(lines, "process")
			require.Len(t, got, 1)
			require.Contains(t, got[0], "→ scope main") // where it was put
			require.Equal(t, c.want, strings.NewReplacer("task worker > ", "", "jobs jobs", "jobs").Replace(withoutLinks(got)[0]))
		})
	}
}
