package wait_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// R60: AllCompleted, the default, over any mix.
func TestWaitForAll(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f, x := new(task.Future[string]), task.Go(ctx, after(time.Second, 1, nil))
		child := scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, 3*time.Second) })
		other, stop := plain()
		started := task.Start(ctx, func(ctx context.Context, _ func(int) error) (int, error) { return 1, scope.Sleep(ctx, time.Second) })
		scope.Go(ctx, func(ctx context.Context) error {
			_ = scope.Sleep(ctx, 2*time.Second)
			stop()
			_ = scope.Sleep(ctx, 2*time.Second)
			return f.SetResult("x")
		})
		all := aws{f, x, child, other, started}
		begin := time.Now()
		done, pending, err := wait.Wait(ctx, all)
		require.NoError(t, err)
		require.Equal(t, 4*time.Second, time.Since(begin))
		same(t, all, done)
		require.Empty(t, pending)
	})
}

// R60: FirstCompleted returns at the first that ends, whatever it is; done and
// pending are in input order.
func TestWaitForTheFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		a, c := task.Go(ctx, after(3*time.Second, 1, nil)), task.Go(ctx, after(time.Second, 3, nil))
		f := new(task.Future[int])
		other, stop := context.WithTimeout(bg, 2*time.Second)
		defer stop()
		pending := aws{f, a, other, c}
		for _, want := range []task.Awaitable{c, other, a} {
			var done aws
			var err error
			done, pending, err = wait.Wait(ctx, pending, wait.FirstCompleted)
			require.NoError(t, err)
			same(t, aws{want}, done)
		}
		same(t, aws{f}, pending)
	})
}

// R60: everything that is done by then is in done, also what ended in the same
// instant as the one that woke.
func TestWaitTakesWhatIsDoneByThen(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		fs := []*task.Future[int]{{}, {}, {}, {}}
		scope.Go(ctx, func(ctx context.Context) error {
			_ = scope.Sleep(ctx, time.Second)
			_ = fs[3].SetResult(1)
			_ = fs[0].SetResult(1)
			return nil
		})
		done, pending, err := wait.Wait(ctx, fs, wait.FirstCompleted)
		require.NoError(t, err)
		require.True(t, slices.Contains(done, fs[3]))
		require.Equal(t, 4, len(done)+len(pending))
		synctest.Wait()
		done, pending, err = wait.Wait(ctx, fs, wait.FirstCompleted)
		require.NoError(t, err)
		same(t, []*task.Future[int]{fs[0], fs[3]}, done)
		same(t, []*task.Future[int]{fs[1], fs[2]}, pending)
	})
}

// R60: FirstException returns at the first that fails, and else when all are
// done. R62: cancelled is not failed, and neither is a context.
func TestWaitForTheFirstException(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		_ = scope.Run(bg, func(ctx context.Context) error {
			canceled := task.Go(ctx, forever)
			canceled.Cancel(nil)
			value, failed := new(task.Future[int]), new(task.Future[int])
			bad := scope.Go(ctx, func(ctx context.Context) error { _ = scope.Sleep(ctx, time.Second); return errA })
			_ = value.SetResult(1)
			all := aws{canceled, value, gone(), failed, bad}
			done, pending, err := wait.Wait(ctx, all, wait.FirstException)
			require.NoError(t, err)
			same(t, aws{canceled, value, all[2], bad}, done)
			same(t, aws{failed}, pending)
			return nil
		}, scope.Supervise(func(error) {}))

		failed := new(task.Future[int])
		_ = failed.SetError(errA)
		canceled := new(task.Future[int])
		canceled.Cancel(nil)
		pending := new(task.Future[int])
		done, left, err := wait.Wait(bg, []*task.Future[int]{pending, failed, canceled}, wait.FirstException)
		require.NoError(t, err)
		same(t, []*task.Future[int]{failed, canceled}, done)
		same(t, []*task.Future[int]{pending}, left)

		time.AfterFunc(time.Second, func() { _ = pending.SetResult(1) })
		done, left, err = wait.Wait(bg, []*task.Future[int]{pending, canceled}, wait.FirstException)
		require.NoError(t, err)
		require.Len(t, done, 2)
		require.Empty(t, left)
	})
}

// R60: each thing once, in the order in which it came first.
func TestWaitCollapsesDuplicates(t *testing.T) {
	testkit.Guard(t)
	for _, more := range []int{0, 100} { // found by a look at each, and by a map
		fs := make([]*task.Future[int], 2+more)
		for i := range fs {
			fs[i] = new(task.Future[int])
		}
		_ = fs[1].SetResult(1)
		twice := append(append([]*task.Future[int]{fs[1], fs[0], fs[1]}, fs...), fs...)
		done, pending, err := wait.Wait(bg, twice, wait.FirstCompleted)
		require.NoError(t, err)
		same(t, fs[1:2], done)
		same(t, append(fs[:1:1], fs[2:]...), pending)
	}
	other, stop := plain()
	defer stop()
	done, pending, err := wait.Wait(bg, []context.Context{other, gone(), other}, wait.FirstCompleted)
	require.NoError(t, err)
	require.Len(t, done, 1)
	same(t, []context.Context{other}, pending)
}

// odd cannot be compared, and is none of ours.
type odd struct {
	done chan struct{}
	err  func() error
}

func (o odd) Done() <-chan struct{} { return o.done }
func (o odd) Err() error            { return o.err() }

// R60: anything that ends once will do.
func TestWaitForStrangers(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		a := odd{make(chan struct{}), func() error { return nil }}
		b := odd{make(chan struct{}), func() error { return errA }}
		time.AfterFunc(time.Second, func() { close(a.done) })
		time.AfterFunc(2*time.Second, func() { close(b.done) })
		begin := time.Now()
		done, pending, err := wait.Wait(ctx, []odd{a, b, a}, wait.FirstException)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(begin))
		require.Len(t, done, 3, "what cannot be compared is not collapsed")
		require.Empty(t, pending)
		done, _, err = wait.Wait(ctx, slices.Repeat([]odd{a, b}, 50))
		require.NoError(t, err)
		require.Len(t, done, 100)
	})
}

// R60: a panic of a stranger's Err is the caller's, and hangs nobody.
func TestStrangerPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		bad := odd{make(chan struct{}), func() error { panic("no error") }}
		quiet, stop := plain()
		defer stop()
		time.AfterFunc(time.Second, func() { close(bad.done) })
		require.Panics(t, func() { _, _, _ = wait.Wait(ctx, aws{bad, quiet}) })
	})
}

// What embeds one of ours is one of ours: its own methods are not called under
// a lock.
type wrapped struct{ *task.Future[int] }

func (w wrapped) State() scope.State { _ = w.Done(); return w.Future.State() }

func TestWaitForWhatEmbedsOneOfOurs(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		w := wrapped{new(task.Future[int])}
		time.AfterFunc(time.Second, func() { _ = w.SetError(errA) })
		done, _, err := wait.Wait(ctx, []wrapped{w, {new(task.Future[int])}}, wait.FirstException)
		require.NoError(t, err)
		same(t, []wrapped{w}, done)
	})
}

// R60: the error of a pending task is not lost: it fails its scope, as if
// nobody had waited. In asyncio it is dropped with the pending set.
func TestErrorOfPendingIsNotLost(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(bg, func(ctx context.Context) error {
			late := task.Go(ctx, after(2*time.Second, 0, errA))
			done, pending, err := wait.Wait(ctx, []*task.Task[int]{late, task.Go(ctx, after(time.Second, 1, nil))}, wait.FirstCompleted)
			require.Len(t, done, 1)
			same(t, []*task.Task[int]{late}, pending)
			return err
		})
		require.Equal(t, []error{errA}, failuresOf(t, err))
	})
}

// R60, R61: the time of the first that waits is up: the task goes on, for the
// others. In anyioutils it is cancelled with the waiter.
func TestTimeoutDoesNotKillTheTask(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Go(ctx, after(time.Minute, 7, nil))
		second := task.Go(ctx, x.Wait)
		done, pending, err := wait.Wait(ctx, aws{x}, wait.Timeout(time.Second))
		require.NoError(t, err)
		require.Empty(t, done)
		same(t, aws{x}, pending)
		require.Equal(t, scope.Running, x.State())
		v, err := second.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, 7, v)
	})
}

// R61: a timeout is not an error, and ends on time; a past one only looks.
func TestTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f, g := new(task.Future[int]), new(task.Future[int])
		_ = g.SetResult(1)
		for _, d := range []time.Duration{time.Second, 1, 0, -time.Second} {
			for _, until := range []wait.Condition{wait.AllCompleted, wait.FirstException} {
				begin := time.Now()
				done, pending, err := wait.Wait(ctx, []*task.Future[int]{f, g}, until, wait.Timeout(d))
				require.NoError(t, err)
				require.Equal(t, max(d, 0), time.Since(begin))
				same(t, []*task.Future[int]{g}, done)
				same(t, []*task.Future[int]{f}, pending)
			}
		}
		// The alarm of one wait does not end the next.
		_, _, err := wait.Wait(ctx, []*task.Future[int]{g, f}, wait.FirstCompleted, wait.Timeout(time.Second))
		require.NoError(t, err)
		time.AfterFunc(time.Hour, func() { _ = f.SetResult(1) })
		done, _, err := wait.Wait(ctx, []*task.Future[int]{g, f})
		require.NoError(t, err)
		require.Len(t, done, 2)
	})
}

// R61, R2: a cancelled ctx is an error, before and while waiting, and done and
// pending are filled in.
func TestWaitCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f, g := new(task.Future[int]), new(task.Future[int])
		_ = g.SetResult(1)
		both := []*task.Future[int]{f, g}
		check := func(ctx context.Context, opts ...wait.Option) error {
			done, pending, err := wait.Wait(ctx, both, opts...)
			same(t, both[1:], done)
			same(t, both[:1], pending)
			return err
		}
		canceledIs(t, scope.KindContext, check(gone()))
		canceledIs(t, scope.KindContext, check(gone(), wait.FirstCompleted)) // R2: also if it could succeed at once
		other, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		require.ErrorIs(t, check(other, wait.Timeout(time.Hour)), context.DeadlineExceeded)

		s := scope.New()
		require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
			x := task.Go(ctx, func(ctx context.Context) (int, error) {
				err := check(ctx)
				require.Equal(t, s.Cause(), err)
				return 0, err
			})
			synctest.Wait()
			s.Cancel(errA)
			<-x.Done()
			return nil
		}))
		require.False(t, f.IsDone())
	})
}

// R40, R60: a cancelled task takes along the future it waits for, but not what
// it watches.
func TestCancelLeavesWhatIsWatched(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := new(task.Future[int])
		x := scope.Go(ctx, func(ctx context.Context) error { _, _, err := wait.Wait(ctx, aws{f}); return err })
		synctest.Wait()
		require.True(t, x.Cancel(nil))
		<-x.Done()
		require.Equal(t, scope.Canceled, x.State())
		require.False(t, f.IsDone())
	})
}

// R63: nothing to wait for is said at once. In asyncio, wait on nothing raises
// and in anyioutils it hangs.
func TestNothingToWait(t *testing.T) {
	testkit.Guard(t)
	for _, none := range []aws{nil, {}} {
		done, pending, err := wait.Wait(bg, none, wait.FirstCompleted, wait.Timeout(time.Hour))
		require.ErrorIs(t, err, wait.ErrNothingToWait)
		require.Empty(t, done)
		require.Empty(t, pending)
	}
}

// R47: a task that waits for itself, or for one it runs inside of.
func TestSelfWait(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		self := new(task.Future[*scope.Child])
		x := scope.Go(ctx, func(ctx context.Context) error {
			me, err := self.Wait(ctx)
			require.NoError(t, err)
			f := new(task.Future[int])
			done, pending, err := wait.Wait(ctx, aws{f, me})
			require.ErrorContains(t, err, "wait: a task waits for itself")
			require.Empty(t, done)
			same(t, aws{f, me}, pending)
			return scope.Run(ctx, func(ctx context.Context) error {
				return scope.Go(ctx, func(ctx context.Context) error {
					_, _, err := wait.Wait(ctx, aws{me}, wait.FirstCompleted)
					require.ErrorContains(t, err, "wait: a task waits for itself")
					_ = f.SetResult(1)
					for i, aw := range wait.AsCompleted(ctx, aws{me, f}) {
						require.Equal(t, 1, i)
						require.True(t, f == aw)
					}
					return nil
				}).Wait(ctx)
			})
		})
		require.NoError(t, self.SetResult(x))
	})
}

// R90: nil things, and conditions that are none, are refused.
func TestWaitMisuse(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	var typed *task.Future[int]
	f := new(task.Future[int])
	require.PanicsWithValue(t, "wait: Wait with a nil ctx: pass the ctx of the scope or task that waits", func() { _, _, _ = wait.Wait(none, aws{f}) })
	require.PanicsWithValue(t, "wait: AsCompleted with a nil ctx: pass the ctx of the scope or task that waits", func() { wait.AsCompleted(none, aws{f}) })
	require.PanicsWithValue(t, "wait: Wait: number 1 is nil: pass tasks, futures or contexts", func() { _, _, _ = wait.Wait(bg, aws{f, nil}) })
	require.PanicsWithValue(t, "wait: AsCompleted: number 0 is nil: pass tasks, futures or contexts", func() { wait.AsCompleted(bg, []*task.Future[int]{typed}) })
	require.PanicsWithValue(t, "wait: Condition(9) is no condition: use AllCompleted, FirstCompleted or FirstException", func() { _, _, _ = wait.Wait(bg, aws{f}, wait.Condition(9)) })
	_ = f.SetResult(1)
	_, _, err := wait.Wait(bg, aws{f}, nil, wait.FirstCompleted)
	require.NoError(t, err)
	require.Equal(t, "first completed", wait.FirstCompleted.String())
}

// Nothing is started for what is ours. (Goroutines of other tests may be ending.)
func TestWaitStartsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		many := make([]*task.Future[int], 1000)
		for i := range many {
			many[i] = new(task.Future[int])
		}
		before := runtime.NumGoroutine()
		x := scope.Go(ctx, func(ctx context.Context) error { _, _, err := wait.Wait(ctx, many); return err })
		synctest.Wait()
		require.Less(t, runtime.NumGoroutine(), before+len(many)/2)
		for _, f := range many {
			_ = f.SetResult(1)
		}
		require.NoError(t, x.Wait(ctx))
	})
}

// The live tree shows what is waited for, and who can end it.
func TestWaitInTheTree(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		slow := scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, scope.Name("slow"))
		scope.Go(ctx, func(ctx context.Context) error {
			_, _, err := wait.Wait(ctx, aws{new(task.Future[int]), slow}, wait.FirstCompleted)
			return err
		}, scope.Name("watcher"))
		synctest.Wait()
		tasks := scope.From(ctx).Snapshot().Tasks
		require.Len(t, tasks, 2)
		require.Equal(t, "wait", tasks[1].WaitingOn.Kind)
		require.Equal(t, []string{tasks[0].Path}, tasks[1].WaitingOn.Holders)
	})
}
