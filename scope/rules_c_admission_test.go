package scope_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// tkNever is a function that must not be run.
func tkNever(t *testing.T) func(context.Context) error {
	return func(context.Context) error { t.Error("a refused function has run"); return nil }
}

// R36: a task spawns while the body waits at the exit already; Run waits for
// what it spawned.
func TestR36_SpawnWhileBodyWaits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ran := false
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				time.Sleep(time.Second) // the body is at the exit
				scope.Go(ctx, func(ctx context.Context) error {
					err := scope.Sleep(ctx, time.Second)
					ran = true
					return err
				})
				return nil
			})
			return nil
		}))
		require.True(t, ran)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// R36: a chain of tasks, each spawned by the last, keeps the scope open.
func TestR36_Chain(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		n := 0
		var next func(context.Context) error
		next = func(ctx context.Context) error {
			if n++; n < 200 {
				scope.Go(ctx, next)
			}
			return nil
		}
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error { scope.Go(ctx, next); return nil }))
		require.Equal(t, 200, n)
	})
}

// R36: from inside a nested scope a task may spawn into the outer one, too.
func TestR36_IntoOuterScope(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ran := false
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			outer := scope.From(ctx)
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						time.Sleep(time.Second)
						scope.Go(ctx, func(ctx context.Context) error {
							require.Same(t, outer, scope.From(ctx))
							time.Sleep(time.Second)
							ran = true
							return nil
						}, scope.In(outer))
						return nil
					})
					return nil
				})
			})
			return nil
		}))
		require.True(t, ran)
	})
}

// R36: into an ended scope: nothing runs, the task is done with ErrClosed.
func TestR36_IntoEnded(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		var old context.Context
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error { old = ctx; return nil }))
		for _, c := range []*scope.Child{
			scope.Go(old, tkNever(t)),
			scope.Go(tkBg, tkNever(t), scope.In(s)),
			scope.Go(old, tkNever(t), scope.Background()),
		} {
			require.True(t, tkClosed(c.Done()))
			require.Equal(t, scope.Failed, c.State())
			require.Equal(t, scope.ErrClosed, c.Err())
			require.Equal(t, scope.ErrClosed, c.Wait(tkBg))
			require.False(t, c.Cancel(nil))
		}
	})
}

// R36: what a cancelled scope takes after its end is ErrClosed, too.
func TestR36_IntoEndedAfterCancel(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error { s.Cancel(nil); return scope.Checkpoint(ctx) }))
		c := scope.Go(tkBg, tkNever(t), scope.In(s))
		require.True(t, tkClosed(c.Done()))
		require.Equal(t, scope.ErrClosed, c.Err())
	})
}

// R36: into a cancelled one: nothing runs, the task is done and cancelled with
// the scope's cause.
func TestR36_IntoCancelled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			s.Cancel(tkErrA)
			c := scope.Go(ctx, tkNever(t))
			require.True(t, tkClosed(c.Done()))
			require.Equal(t, scope.Canceled, c.State())
			require.Same(t, s.Cause(), c.Err())
			require.ErrorIs(t, c.Wait(tkBg), tkErrA)
			return nil
		}))
	})
}

// R36: into one whose outer scope is cancelled, with that cause.
func TestR36_IntoCancelledFromOutside(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		outer := scope.New()
		require.NoError(t, outer.Run(tkBg, func(ctx context.Context) error {
			outer.Cancel(tkErrA)
			return scope.Run(ctx, func(ctx context.Context) error {
				c := scope.Go(ctx, tkNever(t))
				require.Same(t, outer.Cause(), c.Err())
				require.Equal(t, scope.Canceled, c.State())
				return nil
			})
		}))
	})
}

// R36: into one that was cancelled by a failure, with the cause that says so.
func TestR36_IntoFailing(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA))
			<-ctx.Done()
			require.Equal(t, scope.KindTaskFailed, tkCanceled(t, scope.Go(ctx, tkNever(t)).Err()).Kind)
			return nil
		})
	})
}

// R36: into one whose deadline was reached, kind deadline.
func TestR36_IntoOverdue(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			time.Sleep(2 * time.Second)
			require.Equal(t, scope.KindDeadline, tkCanceled(t, scope.Go(ctx, tkNever(t)).Err()).Kind)
			return nil
		}, scope.Timeout(time.Second))
	})
}

// R36: refusals are no failures: the scope is not failed by them.
func TestR36_RefusalFailsNobody(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var old context.Context
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error { old = ctx; return nil }))
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			<-scope.Go(old, tkNever(t)).Done()
			return scope.Checkpoint(ctx)
		}))
	})
}

// R36: a scope that was not run yet takes nothing, and loses nothing: the task
// is done.
func TestR36_BeforeRun(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		c := scope.Go(tkBg, tkNever(t), scope.In(s))
		require.True(t, tkClosed(c.Done()))
		require.ErrorIs(t, c.Err(), scope.ErrClosed)
		require.NoError(t, s.Run(tkBg, tkNothing))
	})
}

// R36: a Background task that spawns when its time is over gets an answer, and
// nothing runs.
func TestR36_FromEndingBackground(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				err := tkForever(ctx)
				c = scope.Go(ctx, tkNever(t))
				return err
			}, scope.Background())
			synctest.Wait()
			return nil
		}))
		require.True(t, tkClosed(c.Done()))
		require.Error(t, c.Err())
	})
}

// R36, R10: tasks spawned from outside while the scope ends are either run to
// their end before Run returns, or refused.
func TestR36_StormAtTheEnd(t *testing.T) {
	testkit.Guard(t)
	for i := range 1000 {
		s := scope.New()
		var over atomic.Bool
		var late atomic.Int32
		stop, began := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var wg sync.WaitGroup
		err := s.Run(tkBg, func(ctx context.Context) error {
			for range 4 {
				wg.Go(func() {
					for !tkClosed(stop) {
						ran := false
						c := scope.Go(tkBg, func(context.Context) error {
							ran = true
							if over.Load() {
								late.Add(1)
							}
							return nil
						}, scope.In(s))
						<-c.Done()
						if ran != (c.State() == scope.Succeeded) {
							t.Errorf("ran %v, but %v", ran, c.State())
						}
						once.Do(func() { close(began) })
						// On one processor two that wake each other have it for ten
						// milliseconds at a time; a task of a third, ready to run all
						// that while, keeps the scope open.
						runtime.Gosched()
					}
				})
			}
			<-began
			if i%2 == 1 {
				s.Cancel(nil)
			}
			return nil
		})
		over.Store(true)
		close(stop)
		wg.Wait()
		require.NoError(t, err)
		require.Zero(t, late.Load())
	}
}

// R37: a task that is cancelled before its function began never begins.
func TestR37_CancelledBeforeItsTurn(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				c := scope.Go(ctx, tkNever(t))
				require.Equal(t, scope.Pending, c.State())
				require.True(t, c.Cancel(tkErrA))
				require.ErrorIs(t, c.Wait(ctx), tkErrA)
				require.Equal(t, scope.Canceled, c.State())
				return nil
			})
			return nil
		}, scope.Limit(1)))
	})
}

// R37: nor when its scope is cancelled.
func TestR37_ScopeCancelledBeforeItsTurn(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Limit(1))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				c := scope.Go(ctx, tkNever(t))
				s.Cancel(nil)
				tkDone(ctx, c)
				require.Equal(t, scope.Canceled, c.State())
				require.Same(t, s.Cause(), c.Err())
				return nil
			})
			return nil
		}))
	})
}

// R37, R39: spawned and cancelled at once: either it never began and is
// cancelled, or it began, and its own end counts.
func TestR37_CancelAtOnce(t *testing.T) {
	testkit.Guard(t)
	began := 0
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		for range 500 {
			ran := false
			c := scope.Go(ctx, func(context.Context) error { ran = true; return nil })
			effect := c.Cancel(nil)
			err := c.Wait(ctx)
			switch {
			case ran:
				began++
				require.NoError(t, err)
				require.Equal(t, scope.Succeeded, c.State())
			default:
				require.True(t, effect)
				require.Equal(t, scope.Canceled, c.State())
				tkCanceled(t, err)
			}
		}
		return nil
	}))
	t.Logf("%d of 500 began", began)
}
