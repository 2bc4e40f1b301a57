package wait_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// spansOf prints the spans of f, sorted: parent > name, result, cancel kind and
// who asked for it, status, links.
func spansOf(t *testing.T, f func(ctx context.Context)) string {
	t.Helper()
	r := testkit.NewRecorder(t)
	f(r.Context(bg))
	var lines []string
	for _, s := range r.Spans() {
		line := s.Name
		if s.Parent != "" {
			line = s.Parent + " > " + line
		}
		for _, key := range []string{"corral.task.result", "corral.cancel.kind", "corral.cancel.task"} {
			if v := s.Attr(key); v != "" {
				line += " " + v
			}
		}
		if s.Status != "Unset" {
			line += " [" + s.Status + "]"
		}
		for _, l := range s.Links {
			line += " → " + l
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func fast(ctx context.Context) (int, error)   { return after(time.Second, 1, nil)(ctx) }
func slow(ctx context.Context) (int, error)   { return forever(ctx) }
func broken(ctx context.Context) (int, error) { return after(time.Second/2, 0, errA)(ctx) }
func late(ctx context.Context) (int, error)   { return after(2*time.Second, 0, errB)(ctx) }

// R24, R80, R82: losers carry kind race-lost and link to the winner, whom they
// name; what Race and Any return is the status of their scope's span.
func TestContestSpans(t *testing.T) {
	testkit.Guard(t)
	for _, c := range []struct {
		name string
		call func(ctx context.Context) (int, error)
		want []string
	}{
		{"race", func(ctx context.Context) (int, error) { return wait.Race(ctx, fast, slow) }, []string{
			"scope race > task fast success",
			"scope race > task slow cancellation race-lost race/fast → task fast",
			"scope race race-lost race/fast → task fast",
		}},
		{"race fails", func(ctx context.Context) (int, error) { return wait.Race(ctx, broken, slow) }, []string{
			"scope race > task broken failure [Error]",
			"scope race > task slow cancellation race-lost race/broken → task broken",
			"scope race race-lost race/broken [Error] → task broken",
		}},
		{"any", func(ctx context.Context) (int, error) { return wait.Any(ctx, fast, slow, broken) }, []string{
			"scope any > task broken failure [Error]",
			"scope any > task fast success",
			"scope any > task slow cancellation race-lost any/fast → task fast",
			"scope any race-lost any/fast → task fast",
		}},
		{"any fails", func(ctx context.Context) (int, error) { return wait.Any(ctx, late, broken) }, []string{
			"scope any > task broken failure [Error]",
			"scope any > task late failure [Error]",
			"scope any body-failed [Error]",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := spansOf(t, func(ctx context.Context) { _, _ = c.call(ctx) })
				require.Equal(t, strings.Join(c.want, "\n"), got)
			})
		})
	}
}

// R80: a Wait, and each step of AsCompleted, is a leaf of who calls, linked to
// what was done last.
func TestWaitSpans(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		got := spansOf(t, func(ctx context.Context) {
			_ = scope.Run(ctx, func(ctx context.Context) error {
				x, y := task.Go(ctx, fast, scope.Name("x")), task.Go(ctx, slow, scope.Name("y"))
				_, _, _ = wait.Wait(ctx, aws{x, y}, wait.FirstCompleted)
				for range wait.AsCompleted(ctx, aws{x, y}) {
					break
				}
				_, _, _ = wait.Wait(ctx, aws{y}, wait.Timeout(time.Second))
				y.Cancel(nil)
				return nil
			}, scope.Name("s"))
		})
		require.Equal(t, strings.TrimSpace(`
scope s
scope s > await
scope s > await → task x
scope s > await → task x
scope s > task x success
scope s > task y cancellation explicit`), got)
	})
}

// R82: a Wait in which a method of a stranger panics is told all the same.
func TestWaitSpanWithoutReturn(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		got := spansOf(t, func(ctx context.Context) {
			_ = scope.Run(ctx, func(ctx context.Context) error {
				bad := odd{make(chan struct{}), func() error { panic("no error") }}
				time.AfterFunc(time.Second, func() { close(bad.done) })
				require.Panics(t, func() { _, _, _ = wait.Wait(ctx, aws{bad}) })
				return nil
			}, scope.Name("s"))
		})
		require.Equal(t, "scope s\nscope s > await [Error]", got)
	})
}
