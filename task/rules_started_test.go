package task_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

type tkStarted = task.StartedTask[int, string]

// tkServer announces itself after a second and returns 7 after another.
func tkServer(ctx context.Context, started func(string) error) (int, error) {
	if err := scope.Sleep(ctx, time.Second); err != nil {
		return 0, err
	}
	if err := started("ready"); err != nil {
		return 0, err
	}
	return 7, scope.Sleep(ctx, time.Second)
}

// R56: the announced value, to any number of callers, any number of times, also
// after the task has ended, and with its result beside it.
func TestR56_WaitStarted(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Start(ctx, tkServer)
		begin := time.Now()
		waiters := make([]*task.Task[string], 100)
		for i := range waiters {
			waiters[i] = task.Go(ctx, func(ctx context.Context) (string, error) {
				_, _ = x.WaitStarted(ctx)
				return x.WaitStarted(ctx)
			})
		}
		for _, w := range waiters {
			s, err := w.Wait(ctx)
			require.NoError(t, err)
			require.Equal(t, "ready", s)
		}
		require.Equal(t, time.Second, time.Since(begin))
		require.Equal(t, scope.Running, x.State())
		v, err := x.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 7, v)
		for range 2 {
			s, err := x.WaitStarted(ctx)
			require.NoError(t, err)
			require.Equal(t, "ready", s)
		}
		s, err := x.WaitStarted(tkCanceledCtx()) // R53: nothing can be lost by reading
		require.NoError(t, err)
		require.Equal(t, "ready", s)
		require.Equal(t, "tkServer", x.Name())
	})
}

// R56: a second started is an *InvalidStateError for the function, and changes
// nothing.
func TestR56_SecondStarted(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Start(ctx, func(_ context.Context, started func(string) error) (int, error) {
			require.NoError(t, started("a"))
			tkInvalid(t, started("b"), scope.Succeeded)
			return 1, nil
		})
		s, err := x.WaitStarted(ctx)
		require.NoError(t, err)
		require.Equal(t, "a", s)
	})
}

// R56: a function that ends without announcing: its error, the cause, or
// ErrNotStarted; whatever way it ends, and under a handler, too. Nobody hangs,
// before or after.
func TestR56_NeverStarted(t *testing.T) {
	testkit.Guard(t)
	handle := scope.OnError(func(context.Context, error) bool { return true })
	type fn = func(context.Context, func(string) error) (int, error)
	for _, c := range []struct {
		name  string
		fn    fn
		opts  []scope.TaskOption
		check func(t *testing.T, err error)
	}{
		{
			"nil", func(context.Context, func(string) error) (int, error) { return 1, nil }, nil,
			func(t *testing.T, err error) { require.Equal(t, task.ErrNotStarted, err) },
		},
		{
			"error", func(context.Context, func(string) error) (int, error) { return 1, tkErrA }, nil,
			func(t *testing.T, err error) { require.True(t, err == tkErrA) },
		},
		{
			"handled error", func(context.Context, func(string) error) (int, error) { return 1, tkErrA },
			[]scope.TaskOption{handle},
			func(t *testing.T, err error) { require.True(t, err == tkErrA) },
		},
		{
			"panic", func(context.Context, func(string) error) (int, error) { panic("boom") }, nil,
			func(t *testing.T, err error) { require.ErrorContains(t, err, "boom") },
		},
		{
			"handled panic", func(context.Context, func(string) error) (int, error) { panic("boom") },
			[]scope.TaskOption{handle},
			func(t *testing.T, err error) { require.ErrorContains(t, err, "boom") },
		},
		{
			"goexit", func(context.Context, func(string) error) (int, error) { runtime.Goexit(); return 1, nil }, nil,
			func(t *testing.T, err error) { require.Equal(t, scope.ErrGoexit, err) },
		},
		{
			"handled goexit", func(context.Context, func(string) error) (int, error) { runtime.Goexit(); return 1, nil },
			[]scope.TaskOption{handle},
			func(t *testing.T, err error) { require.Equal(t, scope.ErrGoexit, err) },
		},
		{
			"deadline", func(ctx context.Context, _ func(string) error) (int, error) { return tkForever(ctx) },
			[]scope.TaskOption{scope.Timeout(time.Second)},
			func(t *testing.T, err error) { require.Equal(t, scope.KindDeadline, tkCanceled(t, err).Kind) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var x *tkStarted
				_ = scope.Run(tkBg, func(ctx context.Context) error {
					waiter := make(chan error, 1)
					x = task.Start(ctx, func(ctx context.Context, started func(string) error) (int, error) {
						_ = scope.Sleep(ctx, time.Second)
						return c.fn(ctx, started)
					}, c.opts...)
					go func() { _, err := x.WaitStarted(tkBg); waiter <- err }()
					_, err := x.WaitStarted(ctx)
					c.check(t, err) // and not the cancellation that follows from it (R31)
					c.check(t, <-waiter)
					return nil
				}, scope.PanicsAsErrors())
				for range 2 {
					_, err := x.WaitStarted(tkBg)
					c.check(t, err)
				}
			})
		})
	}
}

// R56: cancelled before it announced: the cause, also of a task that never
// began, of one whose scope was cancelled, and of one that was refused.
func TestR56_Cancelled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		never := func(context.Context, func(string) error) (int, error) { t.Error("it has run"); return 0, nil }
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			one := task.Start(ctx, tkServer)
			synctest.Wait()
			require.True(t, one.Cancel(tkErrA))
			_, err := one.WaitStarted(ctx)
			require.ErrorIs(t, tkCanceled(t, err), tkErrA)

			all := task.Start(ctx, tkServer)
			synctest.Wait()
			s.Cancel(tkErrB)
			_, err = all.WaitStarted(tkBg)
			require.Same(t, s.Cause(), err)

			refused := task.Start(ctx, never)
			_, err = refused.WaitStarted(tkBg)
			require.Same(t, s.Cause(), err)
			return nil
		}))
		late := task.Start(tkBg, never, scope.In(s))
		_, err := late.WaitStarted(tkBg)
		require.Equal(t, scope.ErrClosed, err)
	})
}

// R56: a task that has announced and then fails has announced.
func TestR56_FailsAfterwards(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var x *tkStarted
		require.ErrorIs(t, scope.Run(tkBg, func(ctx context.Context) error {
			x = task.Start(ctx, func(_ context.Context, started func(string) error) (int, error) {
				_ = started("ready")
				return 0, tkErrA
			})
			return nil
		}), tkErrA)
		s, err := x.WaitStarted(tkBg)
		require.NoError(t, err)
		require.Equal(t, "ready", s)
		_, err = x.Wait(tkBg)
		require.True(t, err == tkErrA)
	})
}

// R2, R52, R40: who gives up waiting for the announcement affects nobody, also
// if it is cancelled as a task: there is no future of its own to take along.
func TestR56_GivingUp(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Start(ctx, tkServer)
		_, err := x.WaitStarted(tkCanceledCtx())
		require.ErrorIs(t, err, context.Canceled)
		waiter := task.Go(ctx, x.WaitStarted)
		synctest.Wait()
		require.True(t, waiter.Cancel(nil))
		<-waiter.Done()
		require.True(t, waiter.Canceled())
		s, err := x.WaitStarted(ctx)
		require.NoError(t, err)
		require.Equal(t, "ready", s)
	})
}

// R47: in the task itself, waiting for the announcement that it has not made
// would never end.
func TestR56_SelfWait(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		self := new(task.Future[*tkStarted])
		x := task.Start(ctx, func(ctx context.Context, started func(string) error) (int, error) {
			me, err := self.Wait(ctx)
			require.NoError(t, err)
			_, err = me.WaitStarted(ctx)
			require.ErrorIs(t, err, task.ErrInvalidState)
			require.NoError(t, started("ready"))
			s, err := me.WaitStarted(ctx)
			require.Equal(t, "ready", s)
			return 1, err
		})
		require.NoError(t, self.SetResult(x))
	})
}

// R46: programming errors panic.
func TestR56_Misuse(t *testing.T) {
	var none context.Context
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		require.PanicsWithValue(t, "task: Start with a nil function: pass the function to run", func() { task.Start[int, string](ctx, nil) })
		x := task.Start(ctx, tkServer)
		require.PanicsWithValue(t, "task: WaitStarted with a nil ctx: pass the ctx of the scope or task that waits", func() { _, _ = x.WaitStarted(none) })
	})
}
