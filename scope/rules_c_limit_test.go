package scope_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R45: at most n tasks run at once, and no fewer.
func TestR45_AtMostN(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var running, peak atomic.Int32
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			for range 20 {
				scope.Go(ctx, func(ctx context.Context) error {
					peak.Store(max(peak.Load(), running.Add(1)))
					defer running.Add(-1)
					return scope.Sleep(ctx, time.Second)
				})
			}
			return nil
		}, scope.Limit(4)))
		require.EqualValues(t, 4, peak.Load())
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

// R45: the same for tasks that tasks spawn, without virtual time.
func TestR45_AtMostNUnderLoad(t *testing.T) {
	testkit.Guard(t)
	var running, over, ran atomic.Int32
	var work func(depth int) func(context.Context) error
	work = func(depth int) func(context.Context) error {
		return func(ctx context.Context) error {
			if running.Add(1) > 3 {
				over.Add(1)
			}
			ran.Add(1)
			if depth > 0 {
				scope.Go(ctx, work(depth-1))
				scope.Go(ctx, work(depth-1))
			}
			err := scope.Checkpoint(ctx)
			running.Add(-1)
			return err
		}
	}
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		for range 4 {
			scope.Go(ctx, work(7))
		}
		return nil
	}, scope.Limit(3)))
	require.Zero(t, over.Load())
	require.EqualValues(t, 4*255, ran.Load())
}

// R45: from the body, spawning beyond the limit waits.
func TestR45_BodyWaits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, nil))
			scope.Go(ctx, tkFailAt(5*time.Second, nil))
			require.Zero(t, time.Since(start))
			scope.Go(ctx, tkNothing)
			require.Equal(t, time.Second, time.Since(start))
			return nil
		}, scope.Limit(2)))
	})
}

// R45: also from the body of a scope inside the body.
func TestR45_InnerBodyWaits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			s := scope.From(ctx)
			scope.Go(ctx, tkFailAt(time.Second, nil))
			return scope.Run(ctx, func(ctx context.Context) error {
				start := time.Now()
				scope.Go(ctx, tkNothing, scope.In(s))
				require.Equal(t, time.Second, time.Since(start))
				return nil
			})
		}, scope.Limit(1)))
	})
}

// R45: first come, first served.
func TestR45_FirstComeFirstServed(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order tkLog[int]
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, nil))
			back := make(chan int)
			for i := range 10 {
				go func() {
					scope.Go(ctx, func(ctx context.Context) error {
						order.add(i)
						return scope.Sleep(ctx, time.Second)
					})
					back <- i
				}()
				synctest.Wait() // it is in line
			}
			for i := range 10 {
				require.Equal(t, i, <-back)
			}
			return nil
		}, scope.Limit(1)))
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, order.get())
	})
}

// R45: the line is one for those who wait and those who do not.
func TestR45_OneLine(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order tkLog[string]
		say := func(what string) func(context.Context) error {
			return func(ctx context.Context) error { order.add(what); return scope.Sleep(ctx, time.Second) }
		}
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				scope.Go(ctx, say("task 1"))
				time.Sleep(2 * time.Second)
				scope.Go(ctx, say("task 2"))
				time.Sleep(time.Second)
				return nil
			})
			time.Sleep(time.Second)
			scope.Go(ctx, say("body"))
			return nil
		}, scope.Limit(1)))
		require.Equal(t, []string{"task 1", "body", "task 2"}, order.get())
	})
}

// R45: a spawner that waits is cancellable, by its own ctx, and its task never
// runs.
func TestR45_WaitIsCancellable(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			s := scope.From(ctx)
			scope.Go(ctx, tkFailAt(time.Hour, nil))
			start := time.Now()
			var c *scope.Child
			timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				c = scope.Go(ctx, tkNever(t), scope.In(s))
				return scope.Checkpoint(ctx)
			})
			require.NoError(t, err)
			require.True(t, timedOut)
			require.Equal(t, time.Second, time.Since(start))
			require.True(t, tkClosed(c.Done()))
			require.Equal(t, scope.Canceled, c.State())
			require.Equal(t, scope.KindDeadline, tkCanceled(t, c.Err()).Kind)
			return nil
		}, scope.Limit(1)))
	})
}

// R45, R5: who gives up leaves the line in order.
func TestR45_GivingUpLeavesTheLine(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order tkLog[int]
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			s := scope.From(ctx)
			scope.Go(ctx, tkFailAt(10*time.Second, nil))
			for i := range 4 {
				go func() {
					fn := func(context.Context) error { order.add(i); return nil }
					if i%2 == 0 {
						_, _ = scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
							scope.Go(ctx, fn, scope.In(s))
							return nil
						})
						return
					}
					scope.Go(ctx, fn)
				}()
				synctest.Wait()
			}
			return nil
		}, scope.Limit(1)))
		require.Equal(t, []int{1, 3}, order.get())
	})
}

// R45: the cancellation of the scope ends the wait at once.
func TestR45_ScopeCancelEndsTheWait(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Limit(1))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				tkDeaf(ctx, time.Second)
				s.Cancel(tkErrA)
				tkDeaf(ctx, time.Hour)
				return nil
			})
			start := time.Now()
			c := scope.Go(ctx, tkNever(t))
			require.Equal(t, time.Second, time.Since(start))
			require.True(t, tkClosed(c.Done()))
			require.ErrorIs(t, c.Err(), tkErrA)
			return nil
		}))
	})
}

// R45: from a task of the scope it does not wait; the task is pending until
// its turn.
func TestR45_TaskDoesNotWait(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order tkLog[int]
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				start := time.Now()
				var cs []*scope.Child
				for i := range 5 {
					cs = append(cs, scope.Go(ctx, func(ctx context.Context) error { order.add(i); return nil }))
				}
				require.Zero(t, time.Since(start))
				time.Sleep(time.Second)
				for _, c := range cs {
					require.Equal(t, scope.Pending, c.State())
				}
				return nil
			})
			return nil
		}, scope.Limit(1)))
		require.Equal(t, []int{0, 1, 2, 3, 4}, order.get())
	})
}

// R45: nor from a scope inside such a task: it holds the turn it would wait
// for.
func TestR45_InsideTaskDoesNotWait(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ran := false
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			s := scope.From(ctx)
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						c := scope.Go(ctx, func(context.Context) error { ran = true; return nil }, scope.In(s))
						require.Equal(t, scope.Pending, c.State())
						return nil
					})
					return nil
				})
			})
			return nil
		}, scope.Limit(1)))
		require.True(t, ran)
	})
}

// R45: Background tasks do not count, and do not wait.
func TestR45_BackgroundDoesNotCount(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			for range 3 {
				scope.Go(ctx, tkForever, scope.Background())
			}
			scope.Go(ctx, tkFailAt(time.Second, nil))
			bg := scope.Go(ctx, tkForever, scope.Background())
			require.Zero(t, time.Since(start))
			synctest.Wait()
			require.Equal(t, scope.Running, bg.State())
			return nil
		}, scope.Limit(1)))
		require.Equal(t, time.Second, time.Since(start))
	})
}

// R45: tasks of a scope inside do not count.
func TestR45_InnerTasksDoNotCount(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					for range 5 {
						scope.Go(ctx, tkFailAt(time.Second, nil))
					}
					return nil
				})
			})
			return nil
		}, scope.Limit(1)))
		require.Equal(t, time.Second, time.Since(start))
	})
}

// R45: pending tasks are cancelled at once when the scope is, however long
// those that run take.
func TestR45_PendingCancelledPromptly(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New(scope.Limit(1))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				var cs []*scope.Child
				for range 3 {
					cs = append(cs, scope.Go(ctx, tkNever(t)))
				}
				start := time.Now()
				s.Cancel(tkErrA)
				for _, c := range cs {
					tkDone(ctx, c)
					require.Equal(t, scope.Canceled, c.State())
					require.Same(t, s.Cause(), c.Err())
				}
				require.Zero(t, time.Since(start))
				tkDeaf(ctx, time.Hour)
				return nil
			})
			return nil
		}))
	})
}

// R45: also by an outer scope, and by the deadline.
func TestR45_PendingCancelledFromOutside(t *testing.T) {
	testkit.Guard(t)
	for name, run := range map[string]func(context.Context, func(context.Context) error) error{
		"outer": func(ctx context.Context, body func(context.Context) error) error {
			_, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				return scope.Run(ctx, body, scope.Limit(1))
			})
			return err
		},
		"own": func(ctx context.Context, body func(context.Context) error) error {
			return scope.Run(ctx, body, scope.Limit(1), scope.Timeout(time.Second), scope.MoveOn())
		},
		"plain": func(ctx context.Context, body func(context.Context) error) error {
			ctx, stop := context.WithTimeout(ctx, time.Second)
			defer stop()
			return scope.Run(ctx, body, scope.Limit(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, run(tkBg, func(ctx context.Context) error {
					scope.Go(ctx, func(ctx context.Context) error {
						start := time.Now()
						c := scope.Go(ctx, tkNever(t))
						tkDone(ctx, c)
						require.Equal(t, time.Second, time.Since(start))
						require.Equal(t, scope.Canceled, c.State())
						tkDeaf(ctx, time.Hour)
						return nil
					})
					return nil
				}))
			})
		})
	}
}

// R45: a pending task that is cancelled leaves the line to the others.
func TestR45_CancelledPendingLeavesTheLine(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order tkLog[int]
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				var cs []*scope.Child
				for i := range 4 {
					cs = append(cs, scope.Go(ctx, func(context.Context) error { order.add(i); return nil }))
				}
				cs[1].Cancel(nil)
				tkDone(ctx, cs[1]) // at once, not in its turn
				return nil
			})
			return nil
		}, scope.Limit(1)))
		require.Equal(t, []int{0, 2, 3}, order.get())
	})
}

// R45: however a task ends, its turn goes to the next.
func TestR45_TurnIsGivenBack(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ran := false
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFail(tkErrA))
			scope.Go(ctx, tkBoom)
			scope.Go(ctx, tkExit)
			scope.Go(ctx, func(ctx context.Context) error { scope.TaskFrom(ctx).Cancel(nil); return ctx.Err() })
			scope.Go(ctx, tkForever, scope.Timeout(time.Second))
			scope.Go(ctx, func(context.Context) error { ran = true; return nil })
			return nil
		}, scope.Limit(1), scope.Supervise(func(error) {})))
		require.True(t, ran)
	})
}

// R45: in a failing scope nobody who waits begins any more.
func TestR45_FailureEndsTheLine(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				for i := range 100 {
					scope.Go(ctx, tkNever(t), scope.Name(fmt.Sprint(i)))
				}
				return tkErrA
			})
			return nil
		}, scope.Limit(1))
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
	})
}
