package task_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// R51: the value of a task, by Wait and by Result.
func TestR51_TaskValue(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, tkValue(6))
		v, err := c.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 6, v)
		v, err = c.Result()
		require.NoError(t, err)
		require.Equal(t, 6, v)
		require.NoError(t, c.Exception())
		require.NoError(t, c.Err())
		require.True(t, c.IsDone())
		require.False(t, c.Canceled())
		require.True(t, tkClosed(c.Done()))
		require.Equal(t, scope.Succeeded, c.State())
	})
}

// R51: a task that runs has neither result nor exception.
func TestR51_TaskPending(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, scope.Sleep(ctx, time.Second) })
		synctest.Wait()
		_, err := c.Result()
		tkInvalid(t, err, scope.Running)
		tkInvalid(t, c.Exception(), scope.Running)
		require.NoError(t, c.Err())
		require.False(t, c.IsDone())
		require.False(t, c.Canceled())
		require.False(t, tkClosed(c.Done()))
	})
}

// R51: nor one that waits for its turn.
func TestR51_TaskBeforeItsTurn(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		scope.Go(ctx, func(ctx context.Context) error {
			_, err := task.Go(ctx, tkValue(1)).Result()
			tkInvalid(t, err, scope.Pending)
			return nil
		})
	}, scope.Limit(1))
}

// R51: nor one that was cancelled and has not ended.
func TestR51_TaskCanceling(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := tkForever(ctx)
			time.Sleep(time.Second)
			return 0, err
		})
		synctest.Wait()
		c.Cancel(nil)
		_, err := c.Result()
		tkInvalid(t, err, scope.Canceling)
		require.False(t, c.Canceled())
		require.NoError(t, c.Err())
	})
}

// R51: a cancelled task has the *CanceledError.
func TestR51_TaskCanceled(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, tkForever)
		synctest.Wait()
		require.True(t, c.Cancel(tkErrA))
		_, err := c.Wait(ctx)
		e := tkCanceled(t, err)
		require.ErrorIs(t, e, tkErrA)
		_, err = c.Result()
		require.Same(t, e, err)
		require.Same(t, e, c.Exception())
		require.Same(t, e, c.Err())
		require.True(t, c.Canceled())
		require.False(t, c.Cancel(nil))
	})
}

// R31, R51: a failed task has its own error, unwrapped, and no value.
func TestR51_TaskFailed(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			c := task.Go(ctx, func(context.Context) (int, error) { return 0, tkErrA })
			v, err := c.Wait(ctx)
			require.True(t, err == tkErrA)
			require.Zero(t, v)
			_, err = c.Result()
			require.True(t, err == tkErrA)
			require.True(t, c.Exception() == tkErrA)
			require.True(t, c.Err() == tkErrA)
			require.Equal(t, scope.Failed, c.State())
			require.False(t, c.Canceled())
			return nil
		})
		var e *scope.Error
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Failures, 1)
		require.True(t, e.Failures[0].Err == tkErrA)
	})
}

// R34: a task that panics fails with the *PanicError, which Run raises.
func TestR34_TypedPanic(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *task.Task[int]
		func() {
			defer func() {
				p, ok := recover().(*scope.PanicError)
				require.True(t, ok)
				require.Equal(t, "boom", p.Value)
				require.Same(t, p, c.Err())
			}()
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				c = task.Go(ctx, func(context.Context) (int, error) { panic("boom") })
				return nil
			})
		}()
		require.Equal(t, scope.Failed, c.State())
	})
}

// R38: a value beats a cancel request, and is kept.
func TestR38_ValueIsKept(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, func(ctx context.Context) (int, error) { <-ctx.Done(); return 3, nil })
		synctest.Wait()
		require.True(t, c.Cancel(nil))
		v, err := c.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 3, v)
		require.False(t, c.Canceled())
	})
}

// R33: a handled error gives the zero value, and no error.
func TestR33_HandledGivesZero(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, func(context.Context) (int, error) { return 9, tkErrA },
			scope.OnError(func(_ context.Context, err error) bool { return errors.Is(err, tkErrA) }))
		v, err := c.Wait(ctx)
		require.NoError(t, err)
		require.Zero(t, v)
		v, err = c.Result()
		require.NoError(t, err)
		require.Zero(t, v)
		require.Equal(t, scope.Succeeded, c.State())
	})
}

// R36: into an ended scope, done with ErrClosed; into a cancelled one, with the
// cause.
func TestR36_TypedRefusal(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		never := func(context.Context) (int, error) { t.Error("it has run"); return 0, nil }
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			s.Cancel(tkErrA)
			c := task.Go(ctx, never)
			_, err := c.Result()
			require.Same(t, s.Cause(), err)
			require.True(t, c.Canceled())
			return nil
		}))
		c := task.Go(tkBg, never, scope.In(s))
		_, err := c.Wait(tkBg)
		require.Equal(t, scope.ErrClosed, err)
		require.Equal(t, scope.Failed, c.State())
	})
}

// R52: 1,000 waiters for one task, each the same answer.
func TestR52_ThousandWaitersForTask(t *testing.T) {
	testkit.Guard(t)
	var saw atomic.Int32
	want := new(int)
	gate := make(chan struct{})
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		c := task.Go(ctx, func(context.Context) (*int, error) { <-gate; return want, nil })
		for i := range 1000 {
			scope.Go(ctx, func(ctx context.Context) error {
				v, err := c.Wait(ctx)
				if v == want {
					saw.Add(1)
				}
				return err
			})
			if i == 500 {
				close(gate)
			}
		}
		return nil
	}))
	require.EqualValues(t, 1000, saw.Load())
}

// R52: who gives up waiting for a task affects nobody.
func TestR52_GivingUpOnTask(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, func(ctx context.Context) (int, error) { return 2, scope.Sleep(ctx, time.Hour) })
		timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error { _, err := c.Wait(ctx); return err })
		require.NoError(t, err)
		require.True(t, timedOut)
		v, err := c.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

// R53: waiting with a cancelled ctx fails, unless the task is finished.
func TestR53_TaskAndCancelledCtx(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		c := task.Go(ctx, func(ctx context.Context) (int, error) { return 2, scope.Sleep(ctx, time.Second) })
		_, err := c.Wait(tkCanceledCtx())
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, c.IsDone())
		<-c.Done()
		for range 50 {
			v, err := c.Wait(tkCanceledCtx())
			require.NoError(t, err)
			require.Equal(t, 2, v)
		}
	})
}

// R41: whoever sees Done closed, or the state final, sees the result.
func TestR41_TypedResultBeforeDone(t *testing.T) {
	testkit.Guard(t)
	for i := range 300 {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := task.Go(ctx, tkValue(i))
			if i%2 == 0 {
				<-c.Done()
			} else {
				for !c.IsDone() {
					_ = scope.Checkpoint(tkBg)
				}
			}
			v, err := c.Result()
			require.Equal(t, i, v)
			return err
		}))
	}
}

// R46: programming errors panic.
func TestR46_Typed(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	require.Panics(t, func() { task.Go(none, tkValue(1)) })
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok)
		require.ErrorIs(t, err, scope.ErrNoScope)
	}()
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		require.Panics(t, func() { task.Go[int](ctx, nil) })
		return nil
	}))
	task.Go(tkBg, tkValue(1))
}

// R47: a typed task that waits for itself gets an error at once.
func TestR47_Typed(t *testing.T) {
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		self := make(chan *task.Task[int], 1)
		c := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, err := (<-self).Wait(ctx)
			require.Error(t, err)
			return 1, nil
		})
		self <- c
		_, err := c.Wait(ctx)
		require.NoError(t, err)
	})
}

func tkTopLevel(context.Context) (int, error) { return 0, nil }

// R48: names, given and derived.
func TestR48_Typed(t *testing.T) {
	testkit.Guard(t)
	fn := func(context.Context) (string, error) { return "", nil }
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		require.Equal(t, "tkTopLevel", task.Go(ctx, tkTopLevel).Name())
		require.Equal(t, "given", task.Go(ctx, tkTopLevel, scope.Name("given")).Name())
		c := task.Go(ctx, fn)
		require.Equal(t, "TestR48_Typed.func1", c.Name())
		require.Equal(t, c.Name(), c.Child().Name())
		return nil
	}))
}

// R43: a Background task keeps the value it finished with.
func TestR43_TypedBackground(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var early, late *task.Task[int]
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			early = task.Go(ctx, tkValue(4), scope.Background())
			late = task.Go(ctx, tkForever, scope.Background())
			return scope.Sleep(ctx, time.Second)
		}))
		v, err := early.Result()
		require.NoError(t, err)
		require.Equal(t, 4, v)
		require.Equal(t, scope.KindScopeDone, tkCanceled(t, late.Err()).Kind)
	})
}
