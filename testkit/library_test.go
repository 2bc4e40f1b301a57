package testkit_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// program is a small program around one blocking operation. It checks what has
// to hold whatever happens to its waits, and returns nil if nothing does.
type program = func(t *testing.T, ctx context.Context) error //nolint:revive // t comes first in tests

// later does f after a second, in a task; at once if its sleep goes wrong.
func later(ctx context.Context, f func(ctx context.Context) error) *scope.Child {
	return scope.Go(ctx, func(ctx context.Context) (err error) {
		defer func() { err = errors.Join(err, f(ctx)) }()
		return scope.Sleep(ctx, time.Second)
	}, scope.Name("later"))
}

// programs has one for each blocking operation of the library, at least.
var programs = map[string]program{
	"sleep": func(_ *testing.T, ctx context.Context) error {
		return scope.SleepUntil(ctx, time.Now().Add(time.Minute))
	},
	"checkpoint":  func(_ *testing.T, ctx context.Context) error { return scope.Checkpoint(ctx) },
	"blocking":    blockingProgram,
	"scope":       scopeProgram,
	"full queue":  fullProgram,
	"limit":       limitProgram,
	"task":        taskProgram,
	"future":      futureProgram,
	"started":     startedProgram,
	"wait":        waitProgram,
	"completed":   completedProgram,
	"groups":      groupsProgram,
	"queue":       pipeline,
	"join":        joinProgram,
	"event":       eventProgram,
	"lock":        lockProgram,
	"condition":   conditionProgram,
	"permits":     permitsProgram,
	"barrier":     barrierProgram,
	"resources":   resourcesProgram,
	"foreign ctx": foreignProgram,
	"shutdown":    shutdownProgram,
	"inside":      insideProgram,
	"guest":       guestProgram,
}

func blockingProgram(_ *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	_, err := scope.Blocking(ctx, func() (int, error) { return 1, nil })
	if err != nil {
		return err
	}
	free := make(chan struct{})
	defer close(free)
	_, err = scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
		_, err := scope.Blocking(ctx, func() (int, error) { <-free; return 1, nil }, scope.Abandon(nil))
		return err
	})
	return err
}

func scopeProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var c *scope.Child
	err := scope.Run(ctx, func(ctx context.Context) error {
		c = later(ctx, func(context.Context) error { return nil })
		return c.Wait(ctx)
	}, scope.Timeout(time.Hour))
	require.GreaterOrEqual(t, c.State(), scope.Succeeded, "I1")
	return err
}

func limitProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var all []*scope.Child
	err := scope.Run(ctx, func(ctx context.Context) error {
		for range 3 {
			all = append(all, scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Second) }))
		}
		return nil
	}, scope.Limit(1), scope.Name("limited"))
	for _, c := range all {
		require.GreaterOrEqual(t, c.State(), scope.Succeeded, "I1")
	}
	return err
}

func taskProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var tk *task.Task[int]
	called := false
	err := scope.Run(ctx, func(ctx context.Context) error {
		tk = task.Go(ctx, func(ctx context.Context) (int, error) { return 7, scope.Sleep(ctx, time.Second) })
		tk.AddDoneCallback(func(*task.Task[int]) { called = true })
		v, err := tk.Wait(ctx)
		if err == nil {
			require.Equal(t, 7, v)
		}
		return err
	})
	require.True(t, tk.IsDone())
	require.True(t, called, "R54")
	return err
}

func futureProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	f := task.NewFuture[int](ctx, task.Name("f"))
	err := scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			err := scope.Sleep(ctx, time.Second)
			if f.SetResult(7) != nil {
				require.True(t, f.Canceled(), "R50")
			}
			return err
		})
		v, err := f.Wait(ctx)
		if err == nil {
			require.Equal(t, 7, v)
		}
		return err
	})
	f.Cancel(nil) // if its maker never began
	return err
}

func startedProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	return scope.Run(ctx, func(ctx context.Context) error {
		st := task.Start(ctx, func(ctx context.Context, started func(string) error) (int, error) {
			if err := scope.Sleep(ctx, time.Second); err != nil {
				return 0, err
			}
			return 1, errors.Join(started("ready"), scope.Sleep(ctx, time.Second))
		})
		v, err := st.WaitStarted(ctx)
		if err == nil {
			require.Equal(t, "ready", v)
		}
		return err
	})
}

func waitProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	return scope.Run(ctx, func(ctx context.Context) error {
		a := later(ctx, func(context.Context) error { return nil })
		b := later(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Second) })
		all := []*scope.Child{a, b}
		done, pending, err := wait.Wait(ctx, all, wait.FirstCompleted, wait.Timeout(time.Minute))
		require.ElementsMatch(t, all, append(slices.Clone(done), pending...), "R60, R61")
		if err != nil {
			return err
		}
		_, _, err = wait.Wait(ctx, all)
		return err
	})
}

func completedProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	return scope.Run(ctx, func(ctx context.Context) error {
		all := []*scope.Child{later(ctx, scope.Checkpoint), later(ctx, scope.Checkpoint)}
		seen := map[int]bool{}
		for i, c := range wait.AsCompleted(ctx, all) {
			require.False(t, seen[i], "R64")
			require.Same(t, all[i], c)
			seen[i] = true
		}
		return nil
	})
}

func groupsProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var running atomic.Int32
	work := func(ctx context.Context) (int, error) {
		running.Add(1)
		defer running.Add(-1)
		return 7, scope.Sleep(ctx, time.Second)
	}
	joined := func(err error) error {
		require.Zero(t, running.Load(), "R65: joined")
		return err
	}
	_, err := wait.All(ctx, work, work)
	if joined(err) == nil {
		_, err = wait.Any(ctx, work, work)
	}
	if joined(err) == nil {
		_, err = wait.Race(ctx, work, work)
	}
	if joined(err) == nil {
		_, err = wait.Map(ctx, slices.Values([]int{1, 2, 3}), 2, func(ctx context.Context, _ int) (int, error) { return work(ctx) })
	}
	if joined(err) == nil {
		err = wait.ForEach(ctx, slices.Values([]int{1, 2, 3}), 2, func(ctx context.Context, _ int) error { _, err := work(ctx); return err })
	}
	return joined(err)
}

func joinProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	q := csync.NewQueue[int](0, csync.Name("q"))
	put := 0
	var done atomic.Int32
	err := scope.Run(ctx, func(ctx context.Context) error {
		defer q.Close()
		for i := range 2 {
			if err := q.Put(ctx, i); err != nil {
				return err
			}
			put++
		}
		scope.Go(ctx, func(ctx context.Context) error {
			return q.Process(ctx, func(ctx context.Context, _ int) error {
				done.Add(1)
				return scope.Sleep(ctx, time.Second)
			})
		})
		scope.Go(ctx, func(ctx context.Context) error {
			for range q.All(ctx) {
				done.Add(1)
				if err := q.TaskDone(); err != nil {
					return err
				}
			}
			return nil
		})
		return q.Join(ctx)
	})
	require.Equal(t, put, int(done.Load())+len(q.CloseNow()), "I3")
	return err
}

func eventProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	e := csync.NewEvent(csync.Name("e"))
	return scope.Run(ctx, func(ctx context.Context) error {
		later(ctx, func(context.Context) error { e.Set(); return nil })
		if err := e.Wait(ctx); err != nil {
			return err
		}
		require.True(t, e.IsSet())
		return e.Wait(ctx)
	})
}

func lockProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	l := csync.NewLock(csync.Name("l"))
	err := scope.Run(ctx, func(ctx context.Context) error {
		for range 2 {
			scope.Go(ctx, func(ctx context.Context) (err error) {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, l.Release(ctx)) }()
				return scope.Sleep(ctx, time.Second)
			})
		}
		return nil
	})
	require.False(t, l.Locked())
	require.Zero(t, l.Stats().Waiters, "R5")
	return err
}

func conditionProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	l := csync.NewLock(csync.Name("l"))
	c := csync.NewCondition(l, csync.Name("c"))
	stage := 0
	err := scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) (err error) {
			if err := c.Acquire(ctx); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, c.Release(ctx)) }()
			for stage == 0 {
				if err := c.Wait(ctx); err != nil {
					return err
				}
			}
			return c.WaitFor(ctx, func() bool { return stage == 2 })
		})
		for range 2 {
			if err := scope.Sleep(ctx, time.Second); err != nil {
				return err
			}
			if err := c.Acquire(ctx); err != nil {
				return err
			}
			stage++
			if err := errors.Join(c.NotifyAll(ctx), c.Release(ctx)); err != nil {
				return err
			}
		}
		return nil
	})
	require.False(t, l.Locked(), "R76")
	if err != nil {
		return err
	}
	return takeBackProgram(t, ctx)
}

// takeBackProgram cancels a Condition.Wait while somebody else has the lock.
func takeBackProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	l := csync.NewLock(csync.Name("l"))
	c := csync.NewCondition(l, csync.Name("c"))
	err := scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) (err error) {
			if err := scope.Sleep(ctx, time.Second); err != nil {
				return err
			}
			if err := l.Acquire(ctx); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Release(ctx)) }()
			return scope.Sleep(ctx, time.Minute)
		})
		if err := c.Acquire(ctx); err != nil {
			return err
		}
		_, err := scope.MoveOnAfter(ctx, 2*time.Second, c.Wait)
		return errors.Join(err, c.Release(ctx))
	})
	require.False(t, l.Locked(), "R76")
	return err
}

func permitsProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	s := csync.NewSemaphore(1, csync.Name("s"))
	l := csync.NewCapacityLimiter(1, csync.Name("l"))
	err := scope.Run(ctx, func(ctx context.Context) error {
		for range 2 {
			scope.Go(ctx, func(ctx context.Context) (err error) {
				t := new(int) // a borrower of its own
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				err = scope.Sleep(ctx, time.Second)
				if err = errors.Join(err, l.Release(ctx)); err != nil {
					return err
				}
				if err := l.AcquireOnBehalfOf(ctx, t); err != nil {
					return err
				}
				err = scope.Sleep(ctx, time.Second)
				if err = errors.Join(err, l.ReleaseOnBehalfOf(t)); err != nil {
					return err
				}
				if err := s.Acquire(ctx); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, s.Release()) }()
				return scope.Sleep(ctx, time.Minute)
			})
		}
		return nil
	})
	require.Equal(t, 1, s.Value(), "R3")
	require.Zero(t, l.Borrowed(), "R3")
	require.Zero(t, l.Waiters(), "R5")
	return err
}

func barrierProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	b := csync.NewBarrier(2, csync.Name("b"))
	var passed atomic.Int32
	err := scope.Run(ctx, func(ctx context.Context) error {
		for range 2 {
			scope.Go(ctx, func(ctx context.Context) error {
				if _, err := b.Wait(ctx); err != nil {
					b.Break()
					return err
				}
				passed.Add(1)
				return nil
			}, scope.OnError(func(context.Context, error) bool { b.Break(); return false }))
		}
		later(ctx, func(context.Context) error { b.Break(); return nil }) // for one whose partner never came
		return nil
	})
	require.NotEqual(t, int32(1), passed.Load(), "all or none")
	if errors.Is(err, csync.ErrBrokenBarrier) && !errors.Is(err, testkit.ErrInjected) {
		return nil
	}
	return err
}

func resourcesProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	l := csync.NewResourceLock[string](csync.Name("l"))
	err := scope.Run(ctx, func(ctx context.Context) error {
		for range 2 {
			scope.Go(ctx, func(ctx context.Context) error {
				return l.Do(ctx, "key", func(ctx context.Context) error { return scope.Sleep(ctx, time.Second) })
			})
		}
		return nil
	})
	require.Zero(t, l.Len(), "R78")
	return err
}

// fullProgram waits for room.
func fullProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	q := csync.NewQueue[int](1, csync.Name("q"))
	put, got := 0, 0
	err := scope.Run(ctx, func(ctx context.Context) error {
		later(ctx, func(ctx context.Context) error {
			if _, err := q.TryGet(ctx); err == nil {
				got++
			}
			q.Close()
			return nil
		})
		for i := range 2 {
			err := q.Put(ctx, i)
			if errors.Is(err, csync.ErrQueueClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			put++
		}
		return nil
	})
	require.Equal(t, put, got+len(q.CloseNow()), "I3")
	return err
}

// foreignProgram waits under a ctx that somebody has derived with a cancel of
// his own.
func foreignProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	q := csync.NewQueue[int](0, csync.Name("q"))
	took := false
	err := scope.Run(ctx, func(ctx context.Context) error {
		later(ctx, func(ctx context.Context) error { return q.TryPut(ctx, 7) })
		mine, cancel := context.WithTimeout(ctx, 3*time.Hour)
		defer cancel()
		_, err := q.Get(mine)
		took = err == nil
		return err
	})
	if took {
		require.Zero(t, q.Len())
	}
	return err
}

// shutdownProgram is told to stop while it works, and while it waits.
func shutdownProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	q := csync.NewQueue[int](0, csync.Name("q"))
	begun, ended := false, false
	s := scope.New(scope.Name("server"))
	err := s.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			begun = true
			defer func() { ended = true }()
			for {
				select {
				case <-scope.Stopping(ctx):
					_, err := q.Get(ctx) // until the grace is over
					return err
				default:
				}
				if err := scope.Sleep(ctx, time.Second); err != nil {
					return err
				}
			}
		}, scope.Name("worker"))
		later(ctx, func(context.Context) error { s.Shutdown(testkit.ErrInjected, time.Minute); return nil })
		return nil
	})
	require.Equal(t, begun, ended, "I1")
	if e := s.Cause(); e != nil && err == nil {
		require.ErrorIs(t, e, testkit.ErrInjected, "nothing else was said")
	}
	return err
}

// insideProgram opens a scope in a task by somebody else, who is still in it
// when the task's function returns; and sets a future by two.
func insideProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var f task.Future[int]
	sets := new(atomic.Int32)
	err := scope.Run(ctx, func(ctx context.Context) error {
		lent := make(chan context.Context, 1)
		scope.Go(ctx, func(ctx context.Context) error { lent <- ctx; return scope.Sleep(ctx, time.Second) }, scope.Name("lender"))
		var theirs context.Context
		select {
		case theirs = <-lent:
		case <-time.After(2 * time.Second): // it never began
			return scope.Checkpoint(ctx)
		}
		scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(theirs, func(ctx context.Context) error { return scope.Sleep(ctx, time.Minute) }, scope.Name("lodger"))
		})
		for range 2 {
			scope.Go(ctx, func(context.Context) error {
				if f.SetResult(1) == nil {
					sets.Add(1)
				}
				require.True(t, f.IsDone(), "whoever hears so finds it done")
				return nil
			})
		}
		return nil
	})
	require.LessOrEqual(t, sets.Load(), int32(1), "R50")
	return err
}

// guestProgram runs host tasks on its own goroutine, and has a task on another
// call back there.
func guestProgram(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var out *guest.Outcome[int]
	called := 0
	err := scope.Run(ctx, func(ctx context.Context) error {
		outer := scope.From(ctx)
		calls := make(chan func(), 1024)
		host := guest.Host{RunSyncSoonThreadsafe: func(f func()) { calls <- f }}
		_, err := guest.Start(ctx, host, func(ctx context.Context) (int, error) {
			scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Minute) }, scope.Name("on the host"))
			if _, err := scope.Blocking(ctx, func() (int, error) { time.Sleep(time.Second); return 1, nil }); err != nil {
				return 0, err
			}
			c := task.Go(ctx, func(ctx context.Context) (int, error) {
				return guest.RunOnHost(ctx, func() (int, error) { called++; return called, nil })
			}, scope.In(outer), scope.Name("elsewhere"))
			return c.Wait(ctx)
		}, func(o guest.Outcome[int]) { out = &o })
		if err != nil {
			return err
		}
		for out == nil {
			(<-calls)()
		}
		return out.Err
	})
	require.NotNil(t, out, "R86: done is called")
	require.LessOrEqual(t, called, 1)
	return err
}

// Every wait of the library survives every fault: nothing is lost, nobody hangs,
// nothing is left, no trace is broken.
func TestEveryWaitSurvivesEveryFault(t *testing.T) {
	testkit.Guard(t)
	for name, p := range programs {
		t.Run(name, func(t *testing.T) { testkit.Faults(t, p) })
	}
}
