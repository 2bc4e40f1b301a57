package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// unread returns what the dump says of errors that nobody has asked for.
func unread(t *testing.T) (lines []string) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, monitor.Dump(&b))
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, "unread-error") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// A task that has failed is told of if its error went to nobody: to no waiter, no
// handler, and not to who called Run; until somebody asks for it.
func TestUnreadErrors(t *testing.T) {
	testkit.Guard(t)
	boom := errors.New("boom")
	fail := func(context.Context) error { return boom }
	in := func(t *testing.T, body func(ctx context.Context), opts ...scope.Option) {
		synctest.Test(t, func(t *testing.T) {
			s := scope.New(append(opts, scope.Name("svc"))...)
			_ = s.Run(context.Background(), func(ctx context.Context) error {
				body(ctx)
				s.Cancel(nil)
				return nil
			})
		})
	}
	t.Run("dropped", func(t *testing.T) {
		in(t, func(ctx context.Context) {
			c := scope.Go(ctx, fail, scope.Name("job"))
			synctest.Wait()
			require.Empty(t, unread(t), "somebody may be about to ask")
			time.Sleep(2 * time.Second)
			require.Equal(t, []string{"unread-error (2s): task svc/job has failed, and nobody has asked for its error: boom"}, unread(t))
			require.Len(t, unread(t), 1, "who looks has not asked")
			require.Equal(t, scope.Failed, c.State())
			require.Len(t, unread(t), 1, "nor has who knows that it failed")
			require.ErrorIs(t, c.Err(), boom)
			require.Empty(t, unread(t))
		}, scope.Supervise(nil))
	})
	t.Run("with a result", func(t *testing.T) {
		in(t, func(ctx context.Context) {
			job := task.Go(ctx, func(context.Context) (int, error) { return 0, boom }, scope.Name("job"))
			time.Sleep(2 * time.Second)
			require.Len(t, unread(t), 1)
			_, err := job.Result()
			require.ErrorIs(t, err, boom)
			require.Empty(t, unread(t))
		}, scope.Supervise(nil))
	})
	t.Run("waited for", func(t *testing.T) {
		in(t, func(ctx context.Context) {
			later := func(ctx context.Context) error { _ = scope.Sleep(ctx, time.Second); return boom }
			require.ErrorIs(t, scope.Go(ctx, later).Wait(ctx), boom)
			_, _, _ = wait.Wait(ctx, []*scope.Child{scope.Go(ctx, later)})
			<-scope.Go(ctx, later).Done()
			_, _ = wait.Any(ctx, func(context.Context) (int, error) { return 0, boom }, func(ctx context.Context) (int, error) { return 1, scope.Sleep(ctx, time.Second) })
			time.Sleep(2 * time.Second)
			require.Empty(t, unread(t))
		}, scope.Supervise(nil))
	})
	for name, opt := range map[string]scope.Option{"supervised": scope.Supervise(func(error) {}), "returned by Run": nil} {
		t.Run(name, func(t *testing.T) {
			in(t, func(ctx context.Context) {
				scope.Go(ctx, fail)
				time.Sleep(2 * time.Second)
				require.Empty(t, unread(t))
			}, opt)
		})
	}
	t.Run("handled", func(t *testing.T) {
		in(t, func(ctx context.Context) {
			scope.Go(ctx, fail, scope.OnError(func(context.Context, error) bool { return true }))
			time.Sleep(2 * time.Second)
			require.Empty(t, unread(t))
		}, scope.Supervise(nil))
	})
	t.Run("the last few", func(t *testing.T) {
		in(t, func(ctx context.Context) {
			for i := range 1000 {
				scope.Go(ctx, func(context.Context) error { return fmt.Errorf("number %d", i) }, scope.Name(fmt.Sprint("job", i)))
				synctest.Wait()
			}
			time.Sleep(2 * time.Second)
			lines := unread(t)
			require.Len(t, lines, 8)
			require.Contains(t, lines[0], "svc/job992 ")
			require.Contains(t, lines[7], "number 999")
		}, scope.Supervise(nil))
	})
}
