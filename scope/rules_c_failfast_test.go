package scope_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R30: the first failing task cancels the rest, naming who and with what.
func TestR30_TaskCancelsSiblings(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var sibling *scope.CanceledError
		start := time.Now()
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := tkForever(ctx)
				sibling = scope.CauseOf(ctx)
				return err
			})
			scope.Go(ctx, tkFailAt(time.Second, tkErrA), scope.Name("bad"))
			return nil
		}, scope.Name("s"))
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		require.NotNil(t, sibling)
		require.Equal(t, scope.KindTaskFailed, sibling.Kind)
		require.Equal(t, "s", sibling.Scope)
		require.Equal(t, "s/bad", sibling.Task)
		require.ErrorIs(t, sibling.Reason, tkErrA)
	})
}

// R30: a failing task cancels the body.
func TestR30_TaskCancelsBody(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, tkErrA))
			return tkForever(ctx)
		})
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R30: a failing body cancels the tasks, kind body-failed.
func TestR30_BodyCancelsTasks(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var child *scope.Child
		err := scope.Run(tkBg, func(ctx context.Context) error {
			child = scope.Go(ctx, tkForever)
			synctest.Wait()
			return tkErrA
		}, scope.Name("s"))
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		c := tkCanceled(t, child.Err())
		require.Equal(t, scope.KindBodyFailed, c.Kind)
		require.Equal(t, "s", c.Scope)
		require.ErrorIs(t, c.Reason, tkErrA)
	})
}

// R30: everything is joined, clean-up included, before Run returns.
func TestR30_JoinsCleanUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		cleaned := false
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := tkForever(ctx)
				time.Sleep(time.Minute)
				cleaned = true
				return err
			})
			synctest.Wait()
			return tkErrA
		})
		require.True(t, cleaned)
	})
}

// R30: all failures are listed, in order of completion.
func TestR30_OrderOfCompletion(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(3*time.Second, tkErrA), scope.Name("a"))
			scope.Go(ctx, tkFailAt(1*time.Second, tkErrB), scope.Name("b"))
			time.Sleep(2 * time.Second)
			return tkErrC
		}, scope.Name("s"))
		e := tkScopeError(t, err)
		require.Equal(t, []error{tkErrB, tkErrC, tkErrA}, tkFailures(t, err))
		require.Equal(t, "s", e.Scope)
		require.Equal(t, "s/b", e.Failures[0].Task)
		require.Equal(t, "", e.Failures[1].Task)
		require.Equal(t, "s/a", e.Failures[2].Task)
	})
}

// R30: the order is that of completion for many, too.
func TestR30_OrderOfMany(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		err := scope.Run(tkBg, func(ctx context.Context) error {
			for i := range n {
				scope.Go(ctx, tkFailAt(time.Duration(n-i)*time.Second, fmt.Errorf("%d", n-1-i)))
			}
			return nil
		})
		got := tkFailures(t, err)
		require.Len(t, got, n)
		for i, e := range got {
			require.Equal(t, fmt.Sprint(i), e.Error())
		}
	})
}

// R30: the cause names the first failure, later ones change nothing.
func TestR30_CauseIsTheFirst(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Name("s"))
		_ = s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(2*time.Second, tkErrB), scope.Name("b"))
			scope.Go(ctx, tkFailAt(1*time.Second, tkErrA), scope.Name("a"))
			return nil
		})
		c := tkCanceled(t, s.Cause())
		require.Equal(t, "s/a", c.Task)
		require.ErrorIs(t, c.Reason, tkErrA)
	})
}

// R30: siblings that end because of the cancellation are not failures, however
// they say it.
func TestR30_CancelledSiblingsAreNoFailures(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkForever)
			scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			scope.Go(ctx, func(ctx context.Context) error { return fmt.Errorf("wrapped: %w", tkForever(ctx)) })
			synctest.Wait()
			scope.Go(ctx, tkFail(tkErrA))
			return tkForever(ctx)
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R30: a sibling that fails in its clean-up is one more failure.
func TestR30_FailureInCleanUpIsListed(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return tkErrB })
			synctest.Wait()
			return tkErrA
		})
		require.Equal(t, []error{tkErrA, tkErrB}, tkFailures(t, err))
	})
}

// R30: an error that goes from a task through waiters and the body is listed
// once.
func TestR30_SameErrorOnce(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			bad := scope.Go(ctx, tkFailAt(time.Second, tkErrA), scope.Name("bad"))
			for range 3 {
				scope.Go(ctx, bad.Wait)
			}
			return bad.Wait(ctx)
		}, scope.Name("s"))
		e := tkScopeError(t, err)
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		require.Equal(t, "s/bad", e.Failures[0].Task)
	})
}

// R30: the same value from two tasks is listed once.
func TestR30_SameValueFromTwoTasks(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(1*time.Second, tkErrA))
			scope.Go(ctx, tkFailAt(2*time.Second, tkErrA))
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R30: of a join, what is listed already is not listed again, and the rest is
// not lost.
func TestR30_JoinWithKnownError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			err := scope.Go(ctx, tkFail(tkErrA)).Wait(ctx)
			time.Sleep(time.Second)
			return errors.Join(err, tkErrB)
		})
		e := tkScopeError(t, err)
		require.ErrorIs(t, err, tkErrA)
		require.ErrorIs(t, err, tkErrB)
		require.Len(t, e.Failures, 2)
		require.NotErrorIs(t, e.Failures[1].Err, tkErrA)
	})
}

// R30: also among many is the same value listed once.
func TestR30_SameErrorOnceAmongMany(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			for i := range 100 {
				scope.Go(ctx, tkFailAt(time.Duration(2*i+1)*time.Second, fmt.Errorf("%d", i)))
				scope.Go(ctx, tkFailAt(time.Duration(2*i+2)*time.Second, tkErrA))
			}
			return nil
		})
		require.Len(t, tkFailures(t, err), 101)
	})
}

// R30: errors that differ but read the same are different failures.
func TestR30_EqualTextIsNotSame(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, errors.New("x")))
			synctest.Wait()
			return errors.New("x")
		})
		require.Len(t, tkFailures(t, err), 2)
	})
}

// R30: an error that cannot be compared is a failure like another.
func TestR30_UncomparableErrors(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			for i := range 40 {
				scope.Go(ctx, tkFailAt(time.Duration(i+1)*time.Second, tkList{fmt.Sprint(i)}))
			}
			return nil
		})
		require.Len(t, tkFailures(t, err), 40)
		var l tkList
		require.ErrorAs(t, err, &l)
	})
}

// R30: errors.Is and errors.As find every failure, not only the first.
func TestR30_IsAndAs(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		coded := &tkError{7}
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(1*time.Second, tkErrA))
			scope.Go(ctx, tkFailAt(2*time.Second, fmt.Errorf("w: %w", tkErrB)))
			scope.Go(ctx, tkFailAt(3*time.Second, coded))
			return nil
		})
		require.ErrorIs(t, err, tkErrA)
		require.ErrorIs(t, err, tkErrB)
		var as *tkError
		require.ErrorAs(t, err, &as)
		require.Same(t, coded, as)
	})
}

// R30: a failing inner scope is one failure of the task or body that ran it,
// and fails the outer scope.
func TestR30_InnerScopeFails(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var sibling *scope.Child
		err := scope.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, tkForever)
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, tkFailAt(time.Second, tkErrA), scope.Name("deep"))
					return nil
				}, scope.Name("inner"))
			}, scope.Name("t"))
			return nil
		}, scope.Name("outer"))
		e := tkScopeError(t, err)
		require.Len(t, e.Failures, 1)
		require.Equal(t, "outer/t", e.Failures[0].Task)
		inner := tkScopeError(t, e.Failures[0].Err)
		require.Equal(t, "outer/t/inner/deep", inner.Failures[0].Task)
		require.ErrorIs(t, err, tkErrA)
		require.Equal(t, scope.Canceled, sibling.State())
	})
}

// R30: without a failure Run returns nil, and waits for its tasks.
func TestR30_NoFailure(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, nil))
			return nil
		}))
		require.Equal(t, time.Second, time.Since(start))
	})
}

// tkFailAt fails at that time, cancelled or not.
func tkFailAt(d time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error { tkDeaf(ctx, d); return err }
}
