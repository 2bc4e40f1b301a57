package task_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// R50: a future has a value, once.
func TestR50_Result(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	require.Equal(t, scope.Pending, f.State())
	require.NoError(t, f.SetResult(7))
	require.Equal(t, scope.Succeeded, f.State())
	require.True(t, f.IsDone())
	require.False(t, f.Canceled())
	require.True(t, tkClosed(f.Done()))
	v, err := f.Result()
	require.NoError(t, err)
	require.Equal(t, 7, v)
	require.NoError(t, f.Exception())
	require.NoError(t, f.Err())
}

// R50: or an error, once.
func TestR50_Error(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	require.NoError(t, f.SetError(tkErrA))
	require.Equal(t, scope.Failed, f.State())
	require.False(t, f.Canceled())
	require.True(t, tkClosed(f.Done()))
	v, err := f.Result()
	require.True(t, err == tkErrA)
	require.Zero(t, v)
	require.True(t, f.Exception() == tkErrA)
	require.True(t, f.Err() == tkErrA)
}

// R50: or is cancelled.
func TestR50_Cancel(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	require.True(t, f.Cancel(tkErrA))
	require.Equal(t, scope.Canceled, f.State())
	require.True(t, f.Canceled())
	require.True(t, f.IsDone())
	require.True(t, tkClosed(f.Done()))
	_, err := f.Result()
	e := tkCanceled(t, err)
	require.Equal(t, scope.KindExplicit, e.Kind)
	require.ErrorIs(t, e.Reason, tkErrA)
	require.ErrorIs(t, e, context.Canceled)
}

// R50: a nil cause becomes a reason.
func TestR50_CancelWithoutCause(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	require.True(t, f.Cancel(nil))
	require.Error(t, tkCanceled(t, f.Err()).Reason)
}

// R50: setting it again changes nothing and returns *InvalidStateError,
// whatever it is.
func TestR50_Twice(t *testing.T) {
	testkit.Guard(t)
	for _, c := range []struct {
		name string
		end  func(*task.Future[int])
		want scope.State
	}{
		{"value", func(f *task.Future[int]) { _ = f.SetResult(1) }, scope.Succeeded},
		{"error", func(f *task.Future[int]) { _ = f.SetError(tkErrA) }, scope.Failed},
		{"cancel", func(f *task.Future[int]) { f.Cancel(tkErrA) }, scope.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := task.NewFuture[int](tkBg)
			c.end(f)
			v, err := f.Result()
			tkInvalid(t, f.SetResult(2), c.want)
			tkInvalid(t, f.SetError(tkErrB), c.want)
			require.False(t, f.Cancel(tkErrB))
			require.Equal(t, c.want, f.State())
			again, err2 := f.Result()
			require.Equal(t, v, again)
			require.True(t, err == err2)
		})
	}
}

// R50: of many that set it in one instant, one does.
func TestR50_OneWins(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		f := task.NewFuture[int](tkBg)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				switch i % 3 {
				case 0:
					if f.SetResult(i) == nil {
						won.Add(1)
					}
				case 1:
					if f.SetError(tkErrA) == nil {
						won.Add(1)
					}
				case 2:
					if f.Cancel(nil) {
						won.Add(1)
					}
				}
			})
		}
		_, first := f.Wait(tkBg)
		state := f.State()
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		require.Equal(t, state, f.State())
		require.True(t, first == f.Err())
	}
}

// R50: the zero Future is pending and ready.
func TestR50_ZeroValue(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var f task.Future[string]
		require.Equal(t, scope.Pending, f.State())
		go func() { time.Sleep(time.Second); _ = f.SetResult("x") }()
		v, err := f.Wait(tkBg)
		require.NoError(t, err)
		require.Equal(t, "x", v)
	})
}

// R50: a zero value is a value.
func TestR50_ZeroResult(t *testing.T) {
	testkit.Guard(t)
	var f task.Future[*int]
	require.NoError(t, f.SetResult(nil))
	require.True(t, f.IsDone())
	tkInvalid(t, f.SetResult(new(int)), scope.Succeeded)
}

// R50: a nil option is ignored.
func TestR50_NilOption(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, task.NewFuture[int](tkBg, nil, task.Name("f")).SetResult(1))
}

// R51: while pending, Result and Exception return *InvalidStateError, and Err
// is nil, as a context's is.
func TestR51_FuturePending(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	defer f.Cancel(nil)
	_, err := f.Result()
	tkInvalid(t, err, scope.Pending)
	tkInvalid(t, f.Exception(), scope.Pending)
	require.NoError(t, f.Err())
	require.False(t, f.IsDone())
	require.False(t, f.Canceled())
	require.False(t, tkClosed(f.Done()))
}

// R51: cancelled, Result, Exception, Err and Wait return the *CanceledError.
func TestR51_FutureCanceled(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	f.Cancel(tkErrA)
	_, err := f.Result()
	e := tkCanceled(t, err)
	require.Same(t, e, f.Exception())
	require.Same(t, e, f.Err())
	_, err = f.Wait(tkBg)
	require.Same(t, e, err)
}

// R52: any number of waiters, any number of times, the same answer.
func TestR52_ManyWaiters(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[*int](tkBg)
		want := new(int)
		var saw atomic.Int32
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			for range 1000 {
				scope.Go(ctx, func(ctx context.Context) error {
					for range 3 {
						v, err := f.Wait(ctx)
						if err != nil {
							return err
						}
						if v == want {
							saw.Add(1)
						}
					}
					return nil
				})
			}
			synctest.Wait()
			return f.SetResult(want)
		}))
		require.EqualValues(t, 3000, saw.Load())
	})
}

// R52: each waiter of an error gets that error.
func TestR52_ManyWaitersOfAnError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[int](tkBg)
		var saw atomic.Int32
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			for range 100 {
				scope.Go(ctx, func(ctx context.Context) error {
					if _, err := f.Wait(ctx); err == tkErrA {
						saw.Add(1)
					}
					return nil
				})
			}
			synctest.Wait()
			return f.SetError(tkErrA)
		}))
		require.EqualValues(t, 100, saw.Load())
	})
}

// R52: one that gives up affects neither the future nor the others.
func TestR52_GivingUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[int](tkBg)
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			patient := task.Go(ctx, f.Wait)
			timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				_, err := f.Wait(ctx)
				return err
			})
			require.True(t, timedOut)
			require.NoError(t, err)
			plain, stop := context.WithTimeout(tkBg, time.Second)
			defer stop()
			_, err = f.Wait(plain)
			require.ErrorIs(t, err, context.DeadlineExceeded)

			require.Equal(t, scope.Pending, f.State())
			require.Equal(t, scope.Running, patient.State())
			require.NoError(t, f.SetResult(3))
			v, err := patient.Wait(ctx)
			require.Equal(t, 3, v)
			return err
		}))
	})
}

// R52: Done channels close with the result, asked for before or after.
func TestR52_Done(t *testing.T) {
	testkit.Guard(t)
	f := task.NewFuture[int](tkBg)
	before := f.Done()
	require.False(t, tkClosed(before))
	require.NoError(t, f.SetResult(1))
	require.True(t, tkClosed(before))
	require.True(t, tkClosed(f.Done()))
}

// R41 for futures: whoever sees Done closed sees the state and the result.
func TestR52_ResultBeforeDone(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		f := task.NewFuture[int](tkBg)
		var wg sync.WaitGroup
		for range 2 {
			done := f.Done()
			wg.Go(func() {
				<-done
				if v, err := f.Result(); v != 9 || err != nil || f.State() != scope.Succeeded {
					t.Error(v, err, f.State())
				}
			})
		}
		require.NoError(t, f.SetResult(9))
		wg.Wait()
	}
}

// R53: with a cancelled ctx, waiting for a pending future fails, by R2.
func TestR53_PendingAndCancelled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := task.NewFuture[int](tkBg)
		defer f.Cancel(nil)
		_, err := f.Wait(tkCanceledCtx())
		require.ErrorIs(t, err, context.Canceled)

		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			s.Cancel(tkErrA)
			_, err := f.Wait(ctx)
			require.Same(t, s.Cause(), err)
			return err
		}))
		require.False(t, f.IsDone())
	})
}

// R53: but not on one that is finished: nothing can be lost by reading.
func TestR53_DoneBeatsCancelled(t *testing.T) {
	testkit.Guard(t)
	value, failed, canceled := new(task.Future[int]), new(task.Future[int]), new(task.Future[int])
	require.NoError(t, value.SetResult(4))
	require.NoError(t, failed.SetError(tkErrA))
	canceled.Cancel(tkErrB)
	for range 50 { // a random choice would show
		v, err := value.Wait(tkCanceledCtx())
		require.NoError(t, err)
		require.Equal(t, 4, v)
		_, err = failed.Wait(tkCanceledCtx())
		require.True(t, err == tkErrA)
		_, err = canceled.Wait(tkCanceledCtx())
		require.Same(t, canceled.Err(), err)
	}
}

// R53, R3: set and cancelled in one instant: the waiter gets one of the two,
// and the future has its value.
func TestR53_SetAgainstCancel(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		f := task.NewFuture[int](tkBg)
		ctx, stop := context.WithCancel(tkBg)
		var wg sync.WaitGroup
		wg.Go(stop)
		wg.Go(func() { _ = f.SetResult(5) })
		v, err := f.Wait(ctx)
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		} else {
			require.Equal(t, 5, v)
		}
		wg.Wait()
		v, err = f.Result()
		require.NoError(t, err)
		require.Equal(t, 5, v)
	}
}

// R46: a nil ctx is a programming error.
func TestR46_NilCtxOfFuture(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	require.Panics(t, func() { task.NewFuture[int](none) })
	require.Panics(t, func() { _, _ = new(task.Future[int]).Wait(none) })
}
