package scope_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R22: made, cancelled, and run later: it cancels at its first wait.
func TestCancelledBeforeRun(t *testing.T) {
	testkit.Guard(t)
	s := scope.New(scope.Name("s"))
	s.Cancel(errWhy)
	require.Nil(t, s.Cause())
	began := false
	err := s.Run(bg, func(ctx context.Context) error { began = true; return scope.Checkpoint(ctx) })
	require.NoError(t, err)
	require.True(t, began)
	require.True(t, s.CancelCaught())
	require.Equal(t, "s", causeIn(t, s.Cause()).Scope)
	require.Equal(t, errWhy, causeIn(t, s.Cause()).Reason)
}

// R22: it runs once; Cancel after the end only sets CancelCalled.
func TestRunsOnce(t *testing.T) {
	testkit.Guard(t)
	var s scope.Scope // the zero value will do
	err := s.Run(bg, func(ctx context.Context) error {
		require.Equal(t, scope.ErrInUse, s.Run(ctx, forever))
		require.NoError(t, ctx.Err())
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, scope.ErrInUse, s.Run(bg, forever))
	require.False(t, s.CancelCalled())
	s.Cancel(nil)
	require.True(t, s.CancelCalled())
	require.Nil(t, s.Cause())
}

// R23: after Run its ctx is cancelled, kind scope-done, and takes no tasks.
func TestCtxAfterTheEnd(t *testing.T) {
	testkit.Guard(t)
	var ctx, taskCtx context.Context
	s := scope.New(scope.Name("s"))
	require.NoError(t, s.Run(bg, func(c context.Context) error {
		ctx = c
		return scope.Go(ctx, func(c context.Context) error { taskCtx = c; return nil }).Wait(ctx)
	}))
	for _, ctx := range []context.Context{ctx, taskCtx} {
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, scope.KindScopeDone, scope.CauseOf(ctx).Kind)
		require.Equal(t, "s", scope.CauseOf(ctx).Scope)
		c := scope.Go(ctx, func(context.Context) error { t.Error("must not run"); return nil })
		require.Equal(t, scope.Failed, c.State())
		require.Equal(t, scope.ErrClosed, c.Err())
		<-c.Done()
		require.False(t, c.Cancel(nil))
	}
	require.Nil(t, s.Cause())
	// A scope opened with a dead ctx is a root of its own.
	require.NoError(t, scope.Run(ctx, func(ctx context.Context) error {
		return scope.Go(ctx, sleep(0)).Wait(ctx)
	}, scope.Shield()))
}

// R24: what a cause says, and errors.Is of every kind.
func TestCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		s := scope.New(scope.Name("s"))
		_ = s.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, time.Second)
				s.Cancel(errWhy, scope.By(ctx), nil)
				return nil
			}, scope.Name("asker"))
			return scope.Run(ctx, func(ctx context.Context) error {
				err := forever(ctx)
				require.Same(t, s.Cause(), err, "the same value everywhere")
				require.Same(t, s.Cause(), scope.CauseOf(ctx))
				require.Same(t, s.Cause(), context.Cause(ctx))
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				require.Same(t, s.Cause(), scope.CauseOf(derived))
				return err
			})
		})
		e := causeIn(t, s.Cause())
		require.Equal(t, scope.KindExplicit, e.Kind)
		require.Equal(t, "s", e.Scope)
		require.Equal(t, "s/asker", e.Task)
		require.Equal(t, errWhy, e.Reason)
		require.Equal(t, start.Add(time.Second), e.At)
		require.Equal(t, "scope: s canceled (explicit) by s/asker: why", e.Error())
	})
	for k := scope.KindExplicit; k <= scope.KindRaceLost; k++ {
		e := &scope.CanceledError{Kind: k, Reason: errWhy}
		require.Equal(t, k != scope.KindDeadline && k != scope.KindContext, errors.Is(e, context.Canceled), k.String())
		require.Equal(t, k == scope.KindDeadline, errors.Is(e, context.DeadlineExceeded), k.String())
		require.ErrorIs(t, e, errWhy)
	}
	s := scope.New()
	_ = s.Run(bg, func(context.Context) error { s.Cancel(nil); return nil })
	require.ErrorContains(t, causeIn(t, s.Cause()).Reason, "TestCause", "a nil cause says who called")
}

// R24: a plain context around: kind context, one value in all scopes inside.
func TestForeignCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(bg, time.Second, errWhy)
		defer cancel()
		a := scope.New(scope.Name("a"))
		var inside *scope.CanceledError
		err := a.Run(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				err := forever(ctx)
				inside = causeIn(t, err)
				require.Same(t, inside, scope.CauseOf(ctx))
				require.Equal(t, errWhy, context.Cause(ctx))
				return err
			})
		})
		require.Same(t, inside, err)
		require.Same(t, inside, a.Cause())
		require.Equal(t, scope.KindContext, inside.Kind)
		require.Equal(t, "a", inside.Scope)
		require.ErrorIs(t, inside, context.DeadlineExceeded)
		require.NotErrorIs(t, inside, context.Canceled)
		require.ErrorIs(t, inside, errWhy)
	})
	require.Nil(t, scope.CauseOf(bg))
}

// R25: Stopping closes at once for everything inside, the cancel comes after
// the grace, with kind shutdown.
func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		var told [3]time.Duration
		s := scope.New(scope.Name("svc"))
		err := s.Run(bg, func(ctx context.Context) error {
			listen := func(ctx context.Context, i int) error {
				<-scope.Stopping(ctx)
				told[i] = time.Since(start)
				require.NoError(t, ctx.Err())
				return nil
			}
			scope.Go(ctx, func(ctx context.Context) error { return listen(ctx, 0) })
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					_ = listen(ctx, 1)
					return forever(ctx)
				}, scope.Shield(), scope.Timeout(time.Minute), scope.MoveOn())
			})
			scope.Go(ctx, forever)
			_ = scope.Sleep(ctx, time.Second)
			s.Shutdown(errWhy, 10*time.Second)
			s.Shutdown(errBoom, 5*time.Second) // can only shorten the grace
			return listen(ctx, 2)
		})
		require.NoError(t, err)
		require.Equal(t, [3]time.Duration{time.Second, time.Second, time.Second}, told)
		require.Equal(t, scope.KindShutdown, causeIn(t, s.Cause()).Kind)
		require.Equal(t, errWhy, causeIn(t, s.Cause()).Reason)
		require.Equal(t, start.Add(6*time.Second), causeIn(t, s.Cause()).At)
	})
	require.Nil(t, scope.Stopping(bg))
}

// R25: a shutdown that everybody follows cancels nothing, and leaves no timer.
func TestShutdownFollowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scope.New()
		s.Shutdown(nil, time.Hour) // kept for the scope to be
		start := time.Now()
		require.NoError(t, s.Run(bg, func(ctx context.Context) error { <-scope.Stopping(ctx); return nil }))
		require.Zero(t, time.Since(start))
		require.False(t, s.CancelCalled())
		s.Shutdown(errWhy, 0)
	})
}

// R25: the first signal shuts down, the second cancels; the cause names it.
func TestSignals(t *testing.T) {
	testkit.Guard(t)
	s := scope.New(scope.Signals(time.Hour, syscall.SIGUSR1, syscall.SIGUSR2))
	err := s.Run(bg, func(ctx context.Context) error {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		<-scope.Stopping(ctx)
		require.NoError(t, ctx.Err())
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR2))
		return forever(ctx)
	})
	require.NoError(t, err)
	require.Equal(t, scope.KindShutdown, causeIn(t, s.Cause()).Kind)
	require.ErrorContains(t, s.Cause(), syscall.SIGUSR2.String())
	require.NoError(t, scope.Run(bg, sleep(0), scope.Signals(time.Second)), "and without any signal it ends")
}

// Snapshot shows scopes, tasks, states, and what each waits for.
func TestSnapshot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		s := scope.New(scope.Name("svc"), scope.MovableDeadline(start.Add(time.Hour)))
		require.Equal(t, "made", s.Snapshot().State)
		err := s.Run(bg, func(ctx context.Context) error {
			a := scope.Go(ctx, sleep(time.Minute), scope.Name("a"))
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error { return a.Wait(ctx) }, scope.Name("in"))
			}, scope.Name("b"))
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, sleep(time.Second), scope.Name("d"))
					return nil
				}, scope.Name("joining"))
			}, scope.Name("c"))
			synctest.Wait()

			snap := s.Snapshot()
			require.Equal(t, "open", snap.State)
			require.Equal(t, start, snap.Opened)
			require.Equal(t, start.Add(time.Hour), snap.Deadline)
			require.Len(t, snap.Tasks, 3)
			require.Equal(t, scope.Wait{Kind: "sleep", Since: start}, *snap.Tasks[0].WaitingOn)
			require.Equal(t, scope.Running, snap.Tasks[0].State)
			require.Equal(t, scope.Wait{Kind: "task.wait", Name: "a", Since: start, Holders: []string{"svc/a"}}, *snap.Tasks[1].WaitingOn)
			require.Equal(t, "svc/b/in", snap.Tasks[1].Scopes[0].Path)
			require.Equal(t, "scope.join", snap.Tasks[2].WaitingOn.Kind)
			require.Equal(t, []string{"svc/c/joining/d"}, snap.Tasks[2].WaitingOn.Holders)
			require.Equal(t, "closing", snap.Tasks[2].Scopes[0].State)

			found := false
			for _, root := range scope.Snapshots() {
				found = found || root.ID == snap.ID
			}
			require.True(t, found)
			s.Cancel(errWhy)
			require.Equal(t, errWhy, s.Snapshot().Cause.Reason)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, "closed", s.Snapshot().State)
		require.Empty(t, s.Snapshot().Tasks)
		for _, root := range scope.Snapshots() {
			require.NotEqual(t, s.Snapshot().ID, root.ID)
		}
	})
}
