package scope_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R10: Run returns after every task, whatever ends the scope.
func TestRunJoinsEverything(t *testing.T) {
	for name, end := range map[string]func(s *scope.Scope) error{
		"normal": func(*scope.Scope) error { return nil },
		"error":  func(*scope.Scope) error { return errBoom },
		"cancel": func(s *scope.Scope) error { s.Cancel(errWhy); return nil },
		"panic":  func(*scope.Scope) error { panic("x") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				start, ended := time.Now(), atomic.Int64{}
				func() {
					defer func() { _ = recover() }()
					s := scope.New()
					_ = s.Run(bg, func(ctx context.Context) error {
						for range 3 {
							scope.Go(ctx, func(ctx context.Context) error {
								_ = scope.Sleep(ctx, time.Second)
								time.Sleep(time.Second) // clean-up that nothing can cancel
								ended.Add(1)
								return nil
							})
							synctest.Wait()
						}
						return end(s)
					})
				}()
				require.EqualValues(t, 3, ended.Load())
				require.GreaterOrEqual(t, time.Since(start), time.Second)
			})
		})
	}
}

// R11: a cancel reaches nested scopes and their tasks, and stops at a shield.
func TestCancelReachesEverythingButShields(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		s := scope.New()
		err := s.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, forever)
					scope.Go(ctx, forever)
					return forever(ctx)
				})
			})
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Shielded(ctx, time.Minute, sleep(time.Second))
			})
			synctest.Wait()
			s.Cancel(errWhy)
			synctest.Wait()
			tasks := s.Snapshot().Tasks
			require.Len(t, tasks, 1, "only the shielded one still runs")
			require.True(t, tasks[0].Scopes[0].Shielded)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// R12: the first cause wins.
func TestFirstCauseWins(t *testing.T) {
	testkit.Guard(t)
	s := scope.New()
	err := s.Run(bg, func(ctx context.Context) error {
		s.Cancel(errWhy)
		s.Cancel(errBoom, scope.Raise())
		require.Equal(t, errWhy, causeIn(t, s.Cause()).Reason)
		require.Same(t, s.Cause(), context.Cause(ctx))
		return ctx.Err()
	})
	require.NoError(t, err, "a later Raise changes nothing")
	require.Equal(t, errWhy, causeIn(t, s.Cause()).Reason)
}

// R13: with several cancelled scopes the outermost visible one catches.
func TestOutermostCatches(t *testing.T) {
	testkit.Guard(t)
	outer, inner := scope.New(scope.Name("o")), scope.New(scope.Name("i"))
	var innerErr error
	err := outer.Run(bg, func(ctx context.Context) error {
		innerErr = inner.Run(ctx, func(ctx context.Context) error {
			inner.Cancel(errWhy)
			outer.Cancel(errBoom)
			return forever(ctx)
		})
		return innerErr
	})
	require.NoError(t, err)
	require.Same(t, outer.Cause(), innerErr)
	require.True(t, inner.CancelCalled())
	require.False(t, inner.CancelCaught())
	require.True(t, outer.CancelCaught())
	require.Equal(t, errWhy, causeIn(t, inner.Cause()).Reason)
}

// R13: behind a shield the inner one catches, whatever is outside.
func TestShieldedScopeCatches(t *testing.T) {
	testkit.Guard(t)
	outer, inner := scope.New(), scope.New(scope.Shield())
	err := outer.Run(bg, func(ctx context.Context) error {
		outer.Cancel(errBoom)
		err := inner.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, ctx.Err())
			inner.Cancel(errWhy)
			return forever(ctx)
		})
		require.NoError(t, err)
		require.True(t, inner.CancelCaught())
		return nil
	})
	require.NoError(t, err)
	require.False(t, outer.CancelCaught(), "nothing was ended by it")
	require.True(t, outer.CancelCalled())
}

// R13: an inner scope that is only reached through an outer one catches
// nothing and was not called.
func TestPassThrough(t *testing.T) {
	testkit.Guard(t)
	outer, inner := scope.New(), scope.New()
	err := outer.Run(bg, func(ctx context.Context) error {
		outer.Cancel(errWhy)
		err := inner.Run(ctx, forever)
		require.Same(t, outer.Cause(), err)
		require.False(t, inner.CancelCalled())
		require.False(t, inner.CancelCaught())
		require.Same(t, outer.Cause(), inner.Cause())
		return err
	})
	require.NoError(t, err)
	require.True(t, outer.CancelCaught())
}

// R13, R17: a plain context around the scope that is cancelled too gets it.
func TestForeignContextOutside(t *testing.T) {
	testkit.Guard(t)
	ctx, cancel := context.WithCancelCause(bg)
	s := scope.New(scope.Name("s"))
	err := s.Run(ctx, func(ctx context.Context) error {
		s.Cancel(errWhy)
		cancel(errBoom)
		return forever(ctx)
	})
	e := causeIn(t, err)
	require.Equal(t, scope.KindContext, e.Kind)
	require.ErrorIs(t, e, errBoom)
	require.ErrorIs(t, e, context.Canceled)
	require.False(t, s.CancelCaught())
}

// R14: a scope that was not cancelled swallows nothing.
func TestNothingSwallowed(t *testing.T) {
	testkit.Guard(t)
	other, cancel := context.WithCancel(bg)
	cancel()
	for _, foreign := range []error{context.Canceled, context.DeadlineExceeded, scope.CauseOf(other)} {
		err := scope.Run(bg, func(context.Context) error { return foreign })
		require.Equal(t, foreign, failuresOf(t, err)[0].Err)
		err = scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { return foreign })
			return nil
		})
		require.Equal(t, foreign, failuresOf(t, err)[0].Err)
	}
}

// R15, R16: what counts as the cancellation, and what is stripped from a join.
func TestCancellationOrFailure(t *testing.T) {
	testkit.Guard(t)
	type result struct {
		failed error // nil: it was the cancellation
		whole  bool  // the failure is the very error returned
		caught bool  // the cancellation is caught beside the failure
	}
	wrapped := func(ctx context.Context) error { return fmt.Errorf("text: %w", errors.Join(ctx.Err(), errBoom)) }
	for name, c := range map[string]struct {
		body func(ctx context.Context) error
		want result
	}{
		"ctx.Err":            {func(ctx context.Context) error { return ctx.Err() }, result{}},
		"cause":              {func(ctx context.Context) error { return context.Cause(ctx) }, result{}},
		"wrapped":            {func(ctx context.Context) error { return fmt.Errorf("x: %w", ctx.Err()) }, result{}},
		"joined":             {func(ctx context.Context) error { return errors.Join(ctx.Err(), context.Cause(ctx)) }, result{}},
		"other kind":         {func(context.Context) error { return context.DeadlineExceeded }, result{failed: context.DeadlineExceeded, whole: true}},
		"failure":            {func(context.Context) error { return errBoom }, result{failed: errBoom, whole: true}},
		"join with failure":  {func(ctx context.Context) error { return errors.Join(ctx.Err(), errBoom) }, result{failed: errBoom, caught: true}},
		"deep join":          {func(ctx context.Context) error { return errors.Join(ctx.Err(), errors.Join(errBoom, ctx.Err())) }, result{failed: errBoom, caught: true}},
		"join inside a text": {wrapped, result{failed: errBoom, whole: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := scope.New()
			var returned error
			err := s.Run(bg, func(ctx context.Context) error {
				s.Cancel(errWhy)
				returned = c.body(ctx)
				return returned
			})
			require.True(t, s.CancelCalled())
			if c.want.failed == nil {
				require.NoError(t, err)
				require.True(t, s.CancelCaught())
				return
			}
			failures := failuresOf(t, err)
			require.Len(t, failures, 1)
			require.ErrorIs(t, failures[0].Err, c.want.failed)
			if c.want.whole {
				require.Equal(t, returned, failures[0].Err)
			} else {
				require.NotErrorIs(t, failures[0].Err, context.Canceled)
			}
			require.Equal(t, c.want.caught, s.CancelCaught())
			var all *scope.Error
			require.ErrorAs(t, err, &all)
			require.Equal(t, c.want.caught, all.Cause != nil)
		})
	}
}

// R13, R17: the cancellation that a task returns in a join with its failure was
// something to catch, and so a timeout is reported beside the failure.
func TestJoinedCancellationIsCaught(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		joined := func(ctx context.Context) error { return errors.Join(scope.Sleep(ctx, time.Hour), errBoom) }
		for name, body := range map[string]func(ctx context.Context) error{
			"body": joined,
			"task": func(ctx context.Context) error { scope.Go(ctx, joined); return nil },
			"handled": func(ctx context.Context) error {
				scope.Go(ctx, joined, scope.OnError(func(context.Context, error) bool { return true }))
				return nil
			},
		} {
			timedOut, err := scope.MoveOnAfter(bg, time.Second, body)
			require.True(t, timedOut, name)
			if name == "handled" {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, errBoom)
			require.NotErrorIs(t, failuresOf(t, err)[0].Err, context.DeadlineExceeded)
		}
	})
}

// R12, R13: a deadline that is reached comes before a Cancel at the same instant,
// whether its timer has run or not.
func TestCancelComesAfterReachedDeadline(t *testing.T) {
	for range 50 {
		bubble(t, func(t *testing.T) {
			for name, opt := range map[string]scope.Option{
				"fixed":   scope.Timeout(time.Second),
				"movable": scope.MovableDeadline(time.Now().Add(time.Second)),
			} {
				s := scope.New(opt, scope.MoveOn())
				err := s.Run(bg, func(ctx context.Context) error {
					time.Sleep(time.Second)
					s.Cancel(errWhy, scope.Raise())
					return forever(ctx)
				})
				require.NoError(t, err, name)
				require.Equal(t, scope.KindDeadline, s.Cause().(*scope.CanceledError).Kind, name)
			}
		})
	}
}

// R13: a deadline that is reached counts as a cancellation of the scope itself,
// also where one around it is reached in the same instant and catches.
func TestDeadlineOfBothInOneInstant(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var inner *scope.Scope
		err := scope.FailAfter(bg, time.Second, func(ctx context.Context) error {
			_, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				inner = scope.From(ctx)
				return forever(ctx)
			})
			return err
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, inner.CancelCalled())
		require.False(t, inner.CancelCaught())
	})
}

// R13: a Checkpoint notices a deadline from its instant on, whether its timer
// has run or not.
func TestCheckpointAtTheDeadline(t *testing.T) {
	for range 200 {
		bubble(t, func(t *testing.T) {
			for _, opt := range []scope.Option{scope.Timeout(time.Second), scope.MovableDeadline(time.Now().Add(2 * time.Second))} {
				err := scope.Run(bg, func(ctx context.Context) error {
					time.Sleep(time.Second)
					return scope.Checkpoint(ctx)
				}, opt)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		})
	}
}

// R19: after the end of a scope nothing about it can be moved, whatever it was.
func TestNothingMovesAfterTheEnd(t *testing.T) {
	testkit.Guard(t)
	s := scope.New()
	require.ErrorIs(t, s.SetDeadline(time.Now()), scope.ErrNotMovable)
	require.NoError(t, s.Run(bg, func(context.Context) error { return nil }))
	require.ErrorIs(t, s.SetDeadline(time.Now()), scope.ErrClosed)
	require.ErrorIs(t, s.Unshield(), scope.ErrClosed)
}

// R16: a join of failures keeps its identity.
func TestJoinKeepsIdentity(t *testing.T) {
	testkit.Guard(t)
	joined := errors.Join(errBoom, errWhy)
	s := scope.New()
	err := s.Run(bg, func(ctx context.Context) error { s.Cancel(nil); return joined })
	require.Same(t, joined, failuresOf(t, err)[0].Err)
}

// R16: a cancellation met during clean-up does not replace the body's error.
func TestBodyErrorIsNotReplaced(t *testing.T) {
	testkit.Guard(t)
	err := scope.Run(bg, func(ctx context.Context) error {
		c := scope.Go(ctx, forever)
		scope.From(ctx).Cancel(errWhy)
		return errors.Join(errBoom, c.Wait(ctx))
	})
	require.Equal(t, errBoom, failuresOf(t, err)[0].Err)
}

// R17: what Run returns, in order.
func TestVerdict(t *testing.T) {
	t.Run("failures first, with the caught cancellation beside", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := scope.New(scope.Name("s"))
			err := s.Run(bg, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error { _ = forever(ctx); return errBoom })
				synctest.Wait()
				s.Cancel(errWhy)
				return forever(ctx)
			})
			var e *scope.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "s", e.Scope)
			require.Len(t, e.Failures, 1)
			require.Same(t, s.Cause(), e.Cause)
			require.True(t, s.CancelCaught())
		})
	})
	t.Run("nil after Cancel, the error with Raise", func(t *testing.T) {
		s := scope.New()
		require.NoError(t, s.Run(bg, func(ctx context.Context) error { s.Cancel(nil); return forever(ctx) }))
		s = scope.New()
		err := s.Run(bg, func(ctx context.Context) error { s.Cancel(errWhy, scope.Raise()); return forever(ctx) })
		require.Same(t, s.Cause(), err)
	})
	t.Run("deadlines", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			for _, d := range []scope.Option{scope.Timeout(time.Second), scope.MovableDeadline(time.Now().Add(time.Second))} {
				s := scope.New(d)
				err := s.Run(bg, forever)
				require.Equal(t, scope.KindDeadline, causeIn(t, err).Kind)
				require.True(t, s.CancelCaught())
			}
			require.NoError(t, scope.Run(bg, forever, scope.Timeout(time.Second), scope.MoveOn()))
			require.NoError(t, scope.Run(bg, forever, scope.MovableDeadline(time.Now()), scope.MoveOn()))
			err := scope.Shielded(bg, time.Second, forever)
			require.Equal(t, scope.KindDeadline, causeIn(t, err).Kind)
		})
	})
	t.Run("nil if all finished normally, cancelled or not", func(t *testing.T) {
		outer := scope.New()
		err := outer.Run(bg, func(ctx context.Context) error {
			s := scope.New()
			err := s.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { return nil })
				s.Cancel(errWhy, scope.Raise())
				outer.Cancel(errBoom)
				return nil
			})
			require.True(t, s.CancelCalled())
			require.False(t, s.CancelCaught())
			return err
		})
		require.NoError(t, err)
	})
}

// R17: timedOut tells that the scope caught its own deadline, also beside an
// error, and not that the time was up.
func TestTimedOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		timedOut, err := scope.MoveOnAfter(bg, time.Second, forever)
		require.True(t, timedOut)
		require.NoError(t, err)

		timedOut, err = scope.MoveOnAfter(bg, time.Second, func(context.Context) error { time.Sleep(time.Minute); return nil })
		require.False(t, timedOut)
		require.NoError(t, err)

		timedOut, err = scope.MoveOnAt(bg, time.Now().Add(time.Second), func(ctx context.Context) error {
			scope.Go(ctx, forever)
			_ = forever(ctx)
			return errBoom
		})
		require.True(t, timedOut)
		require.ErrorIs(t, err, errBoom)

		// R18: an explicit cancel in the instant of the deadline stays one.
		s := scope.New(scope.Timeout(time.Second))
		err = s.Run(bg, func(ctx context.Context) error {
			s.Cancel(errWhy)
			time.Sleep(time.Second)
			return ctx.Err()
		})
		require.NoError(t, err)
		require.Equal(t, scope.KindExplicit, causeIn(t, s.Cause()).Kind)
	})
}
