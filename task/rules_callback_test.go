package task_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// R54: callbacks run once each, in the order they were added, with the future,
// which is done by then.
func TestR54_Order(t *testing.T) {
	testkit.Guard(t)
	for _, end := range []func(*task.Future[int]){
		func(f *task.Future[int]) { _ = f.SetResult(1) },
		func(f *task.Future[int]) { _ = f.SetError(tkErrA) },
		func(f *task.Future[int]) { f.Cancel(nil) },
	} {
		f := new(task.Future[int])
		var order []int
		for i := range 5 {
			f.AddDoneCallback(func(g *task.Future[int]) {
				require.True(t, f == g && f.IsDone() && tkClosed(f.Done()))
				order = append(order, i)
			})
		}
		require.Empty(t, order)
		end(f)
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		end(f)
		require.Len(t, order, 5)
	}
}

// R54: of a future that is done, a callback runs at once, on this goroutine.
func TestR54_Late(t *testing.T) {
	testkit.Guard(t)
	f := new(task.Future[int])
	require.NoError(t, f.SetResult(1))
	ran := 0
	cb := f.AddDoneCallback(func(*task.Future[int]) { ran++ })
	require.Equal(t, 1, ran)
	require.Zero(t, f.RemoveDoneCallback(cb))

	g := new(task.Future[int]) // one that had a callback before
	g.AddDoneCallback(func(*task.Future[int]) {})
	require.NoError(t, g.SetResult(1))
	g.AddDoneCallback(func(*task.Future[int]) { ran++ })
	require.Equal(t, 2, ran)
}

// R54: with no lock held: callbacks may add, remove, read, wait, and set
// others. What one adds comes after those that were added before.
func TestR54_Reentrant(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f, next := new(task.Future[int]), new(task.Future[int])
		var order []string
		note := func(what string) func(*task.Future[int]) {
			return func(*task.Future[int]) { order = append(order, what) }
		}
		var gone *task.Callback
		f.AddDoneCallback(func(*task.Future[int]) {
			order = append(order, "first")
			f.AddDoneCallback(note("added by the first"))
			require.Equal(t, 1, f.RemoveDoneCallback(gone))
			v, err := f.Wait(tkBg)
			require.NoError(t, err)
			require.NoError(t, next.SetResult(v))
			tkInvalid(t, f.SetResult(2), scope.Succeeded)
		})
		gone = f.AddDoneCallback(note("removed"))
		f.AddDoneCallback(note("last"))
		next.AddDoneCallback(note("next"))
		require.NoError(t, f.SetResult(7))
		require.Equal(t, []string{"first", "next", "last", "added by the first"}, order)
	})
}

// R54: callbacks added by many while the future is set run once each.
func TestR54_AddAgainstSet(t *testing.T) {
	testkit.Guard(t)
	for range 500 {
		f := new(task.Future[int])
		var ran [4]atomic.Int32
		var wg sync.WaitGroup
		for i := range ran {
			wg.Go(func() { f.AddDoneCallback(func(*task.Future[int]) { ran[i].Add(1) }) })
		}
		wg.Go(func() { _ = f.SetResult(1) })
		wg.Wait()
		for i := range ran {
			require.EqualValues(t, 1, ran[i].Load())
		}
	}
}

// R54: a removal either comes first, and the callback does not run, or it does.
func TestR54_RemoveAgainstSet(t *testing.T) {
	testkit.Guard(t)
	for range 500 {
		f := new(task.Future[int])
		var ran atomic.Int32
		cb := f.AddDoneCallback(func(*task.Future[int]) { ran.Add(1) })
		var removed int
		var wg sync.WaitGroup
		wg.Go(func() { removed = f.RemoveDoneCallback(cb) })
		wg.Go(func() { _ = f.SetResult(1) })
		wg.Wait()
		require.EqualValues(t, 1, int(ran.Load())+removed)
	}
}

// raised calls f and returns what it panics with.
func raised(t *testing.T, f func()) (err error) {
	t.Helper()
	defer func() {
		v := recover()
		require.NotNil(t, v)
		err = v.(error)
	}()
	f()
	return nil
}

// R54: a panic does not stop the others, and is raised to whoever set the
// future, or added the callback late; the future keeps its value.
func TestR54_Panics(t *testing.T) {
	testkit.Guard(t)
	f := new(task.Future[int])
	ran := 0
	f.AddDoneCallback(func(*task.Future[int]) { ran++; panic(tkErrA) })
	f.AddDoneCallback(func(*task.Future[int]) { ran++ })
	err := raised(t, func() { _ = f.SetResult(5) })
	var p *scope.PanicError
	require.ErrorAs(t, err, &p)
	require.Equal(t, tkErrA, p.Value)
	require.Contains(t, string(p.Stack), "TestR54_Panics")
	require.Equal(t, 2, ran)
	v, err := f.Result()
	require.NoError(t, err)
	require.Equal(t, 5, v)
	require.ErrorIs(t, raised(t, func() { f.AddDoneCallback(func(*task.Future[int]) { panic(tkErrB) }) }), tkErrB)
}

// R54: the panics of several are joined; so are those of Cancel.
func TestR54_SeveralPanics(t *testing.T) {
	testkit.Guard(t)
	f := new(task.Future[int])
	f.AddDoneCallback(func(*task.Future[int]) { panic(tkErrA) })
	f.AddDoneCallback(func(*task.Future[int]) { panic(tkErrB) })
	err := raised(t, func() { f.Cancel(nil) })
	require.ErrorIs(t, err, tkErrA)
	require.ErrorIs(t, err, tkErrB)
	require.True(t, f.Canceled())
}

// R54, R35: nor does a Goexit; the goroutine that set the future then ends.
func TestR54_Goexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := new(task.Future[int])
		var order []int
		for i := range 4 {
			f.AddDoneCallback(func(*task.Future[int]) {
				order = append(order, i)
				if i%2 == 0 {
					runtime.Goexit()
				}
			})
		}
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { return f.SetResult(1) })
			return nil
		})
		require.ErrorIs(t, err, scope.ErrGoexit)
		require.Equal(t, []int{0, 1, 2, 3}, order)
		require.True(t, f.IsDone())
	})
}

// R55: how many registrations were removed; each counts once, those of others,
// nil ones and those that have run do not.
func TestR55_Remove(t *testing.T) {
	testkit.Guard(t)
	f, other := new(task.Future[int]), new(task.Future[int])
	ran := 0
	call := func(*task.Future[int]) { ran++ }
	require.Zero(t, f.RemoveDoneCallback())
	require.Zero(t, f.RemoveDoneCallback(nil))
	a, b, c := f.AddDoneCallback(call), f.AddDoneCallback(call), f.AddDoneCallback(call)
	x := other.AddDoneCallback(call)
	require.Equal(t, 2, f.RemoveDoneCallback(a, nil, x, c, a))
	require.Zero(t, f.RemoveDoneCallback(a, c))
	require.NoError(t, f.SetResult(1))
	require.Equal(t, 1, ran)
	require.Zero(t, f.RemoveDoneCallback(b))
	require.NoError(t, other.SetResult(1))
	require.Equal(t, 2, ran)
}

// R46: a nil function is a programming error.
func TestR54_Misuse(t *testing.T) {
	require.PanicsWithValue(t, "task: AddDoneCallback with a nil function: pass what to call", func() { new(task.Future[int]).AddDoneCallback(nil) })
	tkInBubble(t, func(t *testing.T, ctx context.Context) {
		x := task.Go(ctx, tkValue(1))
		require.PanicsWithValue(t, "task: AddDoneCallback with a nil function: pass what to call", func() { x.AddDoneCallback(nil) })
	})
}

// R41, R54: those of a task run after Done closed and before the scope ends, in
// order; what is added late runs at once.
func TestR54_Task(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order []int
		var x *task.Task[int]
		gate := new(task.Future[int])
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			x = task.Go(ctx, gate.Wait)
			for i := range 3 {
				x.AddDoneCallback(func(y *task.Task[int]) {
					require.True(t, x == y && x.IsDone() && tkClosed(x.Done()))
					v, err := x.Wait(tkBg)
					require.NoError(t, err)
					order = append(order, v+i)
					_ = scope.Sleep(tkBg, 1)
				})
			}
			cb := x.AddDoneCallback(func(*task.Task[int]) { t.Error("it was removed") })
			require.Equal(t, 1, x.RemoveDoneCallback(cb))
			return gate.SetResult(10)
		}))
		require.Equal(t, []int{10, 11, 12}, order)
		x.AddDoneCallback(func(*task.Task[int]) { order = append(order, 13) })
		require.Len(t, order, 4)
	})
}

// R54: also of a task that was cancelled before it began.
func TestR54_TaskThatNeverBegan(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int32
		s := scope.New(scope.Limit(1))
		require.ErrorIs(t, s.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				for range 3 {
					x := task.Go(ctx, tkValue(1))
					x.AddDoneCallback(func(x *task.Task[int]) {
						require.True(t, x.Canceled())
						ran.Add(1)
						runtime.Goexit() // which hangs nobody, the next in line neither
					})
				}
				s.Cancel(nil)
				return nil
			})
			return nil
		}), scope.ErrGoexit)
		require.EqualValues(t, 3, ran.Load())
	})
}

// R34, R54: the panics of a task's callbacks count as one of its scope, the
// outcome of the task stays, and its siblings are cancelled.
func TestR54_TaskPanics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var x, sibling *task.Task[int]
		ran := 0
		err := raised(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				gate := new(task.Future[int])
				sibling = task.Go(ctx, tkForever)
				x = task.Go(ctx, gate.Wait)
				x.AddDoneCallback(func(*task.Task[int]) { panic(tkErrA) })
				x.AddDoneCallback(func(*task.Task[int]) { ran++; panic(tkErrB) })
				x.AddDoneCallback(func(*task.Task[int]) { ran++ })
				synctest.Wait()
				return gate.SetResult(3)
			})
		})
		require.ErrorIs(t, err, tkErrA)
		require.ErrorIs(t, err, tkErrB)
		require.Equal(t, 2, ran)
		v, err := x.Result()
		require.NoError(t, err)
		require.Equal(t, 3, v)
		require.Equal(t, scope.KindTaskFailed, tkCanceled(t, sibling.Err()).Kind)
	})
}

// R35: a Goexit in a callback, an error handler or a supervisor (a t.FailNow
// there) is a failure of the scope, what comes after it runs all the same, and
// nothing hangs.
func TestR35_GoexitAfterTheFunction(t *testing.T) {
	testkit.Guard(t)
	goexit := func() { runtime.Goexit() }
	for name, run := range map[string]func(ctx context.Context, note func(*task.Task[int])){
		"callbacks": func(ctx context.Context, note func(*task.Task[int])) {
			f := new(task.Future[int])
			x := task.Go(ctx, f.Wait)
			x.AddDoneCallback(func(*task.Task[int]) { goexit() })
			x.AddDoneCallback(func(*task.Task[int]) { goexit() })
			x.AddDoneCallback(note)
			_ = f.SetResult(1)
		},
		"callback after a Goexit": func(ctx context.Context, note func(*task.Task[int])) {
			f := new(task.Future[int])
			x := task.Go(ctx, func(ctx context.Context) (int, error) { _, _ = f.Wait(ctx); goexit(); return 1, nil })
			x.AddDoneCallback(func(*task.Task[int]) { goexit() })
			x.AddDoneCallback(note)
			_ = f.SetResult(1)
		},
		"handler": func(ctx context.Context, note func(*task.Task[int])) {
			f := new(task.Future[int])
			x := task.Go(ctx, func(ctx context.Context) (int, error) { _, _ = f.Wait(ctx); return 0, tkErrA },
				scope.OnError(func(context.Context, error) bool { goexit(); return true }))
			x.AddDoneCallback(func(*task.Task[int]) { goexit() })
			x.AddDoneCallback(note)
			_ = f.SetResult(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran := 0
				err := scope.Run(tkBg, func(ctx context.Context) error {
					run(ctx, func(*task.Task[int]) { ran++ })
					return nil
				})
				require.ErrorIs(t, err, scope.ErrGoexit)
				require.Equal(t, name == "handler", errors.Is(err, tkErrA))
				require.Equal(t, 1, ran)
			})
		})
	}
	t.Run("supervisor", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			require.ErrorIs(t, scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { return tkErrA })
				return nil
			}, scope.Supervise(func(error) { goexit() })), scope.ErrGoexit)
		})
	})
}
