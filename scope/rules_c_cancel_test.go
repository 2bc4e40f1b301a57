package scope_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R38: a value beats a cancel request.
func TestR38_ValueBeatsCancel(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			synctest.Wait()
			require.True(t, c.Cancel(nil))
			require.NoError(t, c.Wait(ctx))
			require.Equal(t, scope.Succeeded, c.State())
			return nil
		}))
	})
}

// R38: also that of the scope.
func TestR38_ValueBeatsScopeCancel(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		var c *scope.Child
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			c = scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			synctest.Wait()
			s.Cancel(nil)
			return nil
		}))
		require.Equal(t, scope.Succeeded, c.State())
		require.NoError(t, c.Err())
	})
}

// R38: and the task's own timeout.
func TestR38_ValueBeatsOwnTimeout(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			return scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil }, scope.Timeout(time.Second)).Wait(ctx)
		}))
	})
}

// R39: Cancel ends one task and touches neither the others nor the scope.
func TestR39_TouchesNobodyElse(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var sibling *scope.Child
		s := scope.New(scope.Name("s"))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) })
			c := scope.Go(ctx, tkForever, scope.Name("c"))
			synctest.Wait()
			require.True(t, c.Cancel(tkErrA))
			e := tkCanceled(t, c.Wait(ctx))
			require.Equal(t, scope.KindExplicit, e.Kind)
			require.ErrorIs(t, e.Reason, tkErrA)
			require.ErrorIs(t, e, context.Canceled)
			require.Equal(t, scope.Canceled, c.State())
			require.NoError(t, ctx.Err())
			return scope.Checkpoint(ctx)
		}))
		require.Equal(t, scope.Succeeded, sibling.State())
		require.False(t, s.CancelCalled())
		require.Nil(t, s.Cause())
	})
}

// R39: it cancels all that the task runs: nested scopes, their tasks, and
// contexts derived from its own.
func TestR39_CancelsWhatTheTaskRuns(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var deep *scope.Child
		var derived error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					deep = scope.Go(ctx, tkForever)
					return scope.Run(ctx, func(ctx context.Context) error {
						sub, stop := context.WithCancel(ctx)
						defer stop()
						<-sub.Done()
						derived = context.Cause(sub)
						return sub.Err()
					})
				})
			})
			synctest.Wait()
			start := time.Now()
			c.Cancel(tkErrA)
			require.ErrorIs(t, c.Wait(ctx), tkErrA)
			require.Zero(t, time.Since(start))
			require.Equal(t, scope.Canceled, c.State())
			return nil
		}))
		require.Equal(t, scope.Canceled, deep.State())
		require.ErrorIs(t, deep.Err(), tkErrA)
		require.ErrorIs(t, derived, tkErrA)
	})
}

// R39: what the task spawned into its own scope is not what it runs.
func TestR39_SparesSpawnedSiblings(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var spawned *scope.Child
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				spawned = scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) })
				return tkForever(ctx)
			})
			synctest.Wait()
			c.Cancel(nil)
			return nil
		}))
		require.Equal(t, scope.Succeeded, spawned.State())
	})
}

// R39, R11: nor does it reach behind a shield in the task.
func TestR39_StopsAtShield(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var inside error
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				inside = scope.Shielded(ctx, time.Hour, func(ctx context.Context) error { return scope.Sleep(ctx, time.Minute) })
				return scope.Checkpoint(ctx)
			})
			synctest.Wait()
			c.Cancel(nil)
			<-c.Done()
			require.Equal(t, scope.Canceled, c.State())
			return nil
		}))
		require.NoError(t, inside)
	})
}

// R39: Cancel reports whether it had an effect: once.
func TestR39_SecondCancelReportsFalse(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkForever)
			synctest.Wait()
			require.True(t, c.Cancel(tkErrA))
			require.False(t, c.Cancel(tkErrB))
			require.ErrorIs(t, c.Wait(ctx), tkErrA)
			return nil
		}))
	})
}

// R39: on a finished task it changes nothing and reports false.
func TestR39_FinishedTask(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkNothing)
			require.NoError(t, c.Wait(ctx))
			require.False(t, c.Cancel(tkErrA))
			require.False(t, c.Cancel(tkErrA, scope.Raise()))
			require.NoError(t, c.Err())
			require.Equal(t, scope.Succeeded, c.State())
			return nil
		}))
	})
}

// R39: on a task whose scope is cancelled already it has no effect.
func TestR39_ScopeCancelledBefore(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error { err := tkForever(ctx); time.Sleep(time.Second); return err })
			synctest.Wait()
			s.Cancel(tkErrA)
			require.False(t, c.Cancel(tkErrB))
			<-c.Done()
			require.ErrorIs(t, c.Err(), tkErrA)
			return nil
		}))
	})
}

// R39: a nil cause becomes a reason.
func TestR39_NilCause(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkForever)
			synctest.Wait()
			c.Cancel(nil)
			e := tkCanceled(t, c.Wait(ctx))
			require.Error(t, e.Reason)
			require.NotEmpty(t, e.Reason.Error())
			return nil
		}))
	})
}

// R39, R15: a cancelled task that fails with an error of its own has failed.
func TestR39_FailsInCleanUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return tkErrA })
			synctest.Wait()
			c.Cancel(nil)
			require.True(t, c.Wait(ctx) == tkErrA)
			require.Equal(t, scope.Failed, c.State())
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}

// R39: with Raise the scope fails, and lists the cancellation as that task's
// failure.
func TestR39_Raise(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c, sibling *scope.Child
		err := scope.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, tkForever)
			c = scope.Go(ctx, tkForever, scope.Name("c"))
			synctest.Wait()
			require.True(t, c.Cancel(tkErrA, scope.Raise()))
			return nil
		}, scope.Name("s"))
		e := tkScopeError(t, err)
		require.Len(t, e.Failures, 1)
		require.Equal(t, "s/c", e.Failures[0].Task)
		raised := tkCanceled(t, e.Failures[0].Err)
		require.Equal(t, scope.KindExplicit, raised.Kind)
		require.ErrorIs(t, raised, tkErrA)
		require.Same(t, raised, c.Err())
		cause := tkCanceled(t, sibling.Err())
		require.Equal(t, scope.KindTaskFailed, cause.Kind)
		require.Equal(t, "s/c", cause.Task)
	})
}

// R39, R37: also when the task had not begun.
func TestR39_RaisePending(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				c := scope.Go(ctx, tkNever(t))
				require.True(t, c.Cancel(tkErrA, scope.Raise()))
				return scope.Sleep(ctx, time.Hour)
			})
			return nil
		}, scope.Limit(1))
		require.Len(t, tkFailures(t, err), 1)
		require.ErrorIs(t, tkCanceled(t, tkFailures(t, err)[0]), tkErrA)
	})
}

// R39, R38: a task that succeeds nevertheless raises nothing.
func TestR39_RaiseAndValue(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			synctest.Wait()
			c.Cancel(tkErrA, scope.Raise())
			return nil
		}))
	})
}

// R39: a Raise that comes second changes nothing.
func TestR39_RaiseTooLate(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkForever)
			synctest.Wait()
			require.True(t, c.Cancel(tkErrA))
			require.False(t, c.Cancel(tkErrB, scope.Raise()))
			return nil
		}))
	})
}

// R39: a task may cancel itself.
func TestR39_CancelsItself(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				require.True(t, scope.TaskFrom(ctx).Cancel(tkErrA))
				return scope.Checkpoint(ctx)
			})
			require.ErrorIs(t, c.Wait(ctx), tkErrA)
			return nil
		}))
	})
}

// R39: a nil option is ignored.
func TestR39_NilOption(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkForever, nil)
			synctest.Wait()
			require.True(t, c.Cancel(nil, nil))
			return nil
		}, nil))
	})
}
