package testkit_test

import (
	"context"
	"iter"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

var bg = context.Background()

// A planted goroutine leak is found, and named with where it was started.
func TestGuardFindsAGoroutine(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	mentions(t, failing(t, func(t testing.TB) {
		testkit.Guard(t)
		leakOnPurpose(hold)
	}), "left something behind", "a goroutine that has not ended", "started by", "leakOnPurpose", "guard_test.go", "chan receive")
}

func leakOnPurpose(hold chan struct{}) { go func() { <-hold }() }

// A goroutine that was started with a bare go statement in a scope, and has
// outlived it, is told apart from other leaks.
func TestGuardFindsAStray(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	text := failing(t, func(t testing.TB) {
		testkit.Guard(t)
		_ = scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error {
				leakOnPurpose(hold)
				return nil
			}, scope.Name("careless"))
			return nil
		}, scope.Name("request"))
	})
	mentions(t, text, "bare go statement inside scope request, and has outlived it", "started by", "leakOnPurpose", "guard_test.go")
	require.NotContains(t, text, "still open")
}

// So is one of the body, also after a nested scope; and the label does not
// outlive the scope on the goroutine of its body.
func TestGuardFindsAStrayOfTheBody(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	mentions(t, failing(t, func(t testing.TB) {
		testkit.Guard(t)
		_ = scope.Run(bg, func(ctx context.Context) error {
			_ = scope.Run(ctx, func(context.Context) error { return nil }, scope.Name("inner"))
			leakOnPurpose(hold)
			return nil
		}, scope.Name("outer"))
	}), "inside scope outer, and has outlived it")
	text := failing(t, func(t testing.TB) {
		testkit.Guard(t)
		_ = scope.Run(bg, func(ctx context.Context) error { return nil }, scope.Name("outer"))
		leakOnPurpose(hold)
	})
	mentions(t, text, "a goroutine that has not ended")
	require.NotContains(t, text, "inside scope")
}

// A scope that is still open is shown as a tree, with what its tasks wait for
// and where they were spawned.
func TestGuardFindsAnOpenScope(t *testing.T) {
	var free context.CancelFunc
	ended := make(chan struct{})
	text := failing(t, func(t testing.TB) {
		testkit.Guard(t)
		var ctx context.Context
		ctx, free = context.WithCancel(bg)
		f := task.NewFuture[int](ctx, task.Name("answer"))
		parked := make(chan struct{})
		go func() {
			defer close(ended)
			defer f.Cancel(nil)
			_ = scope.Run(ctx, func(ctx context.Context) error {
				c := scope.Go(ctx, func(ctx context.Context) error {
					close(parked)
					_, err := f.Wait(ctx)
					return err
				}, scope.Name("asker"))
				return c.Wait(ctx)
			}, scope.Name("open"))
		}()
		<-parked
	})
	free()
	<-ended
	mentions(t, text, "scopes that are still open", "scope open (open)", "run at", "task asker (running)", "spawned at", "guard_test.go",
		"a task that has not ended, of scope open", "the body of scope open")
}

// A scope in a coroutine that nobody finishes has no goroutine that could be
// found.
func TestGuardFindsAScopeWithoutAGoroutine(t *testing.T) {
	var stop func()
	text := failing(t, func(t testing.TB) {
		testkit.Guard(t)
		next, end := iter.Pull(func(yield func(int) bool) {
			_ = scope.Run(bg, func(context.Context) error { yield(1); return nil }, scope.Name("coroutine"))
		})
		next()
		stop = end
	})
	stop()
	mentions(t, text, "scope coroutine (open)", "run at", "guard_test.go")
}

// A future that nobody can set any more is found, with its maker; one that is
// done, or still held, or whose maker was cancelled, is not.
func TestGuardFindsADroppedFuture(t *testing.T) {
	var held *task.Future[string]
	text := failing(t, func(t testing.TB) {
		testkit.Guard(t)
		dropFuture("lost")
		held = task.NewFuture[string](bg, task.Name("held"))
		_ = task.NewFuture[int](bg, task.Name("set")).SetResult(1)
		_ = scope.Run(bg, func(ctx context.Context) error {
			task.NewFuture[int](ctx, task.Name("moot"))
			scope.From(ctx).Cancel(nil)
			return scope.Checkpoint(ctx)
		})
	})
	mentions(t, text, `future "lost" was dropped without a result`, "made at", "guard_test.go", "dropFuture")
	for _, innocent := range []string{"held", "set\"", "moot"} {
		require.NotContains(t, text, `future "`+innocent)
	}
	held.Cancel(nil)
}

//go:noinline
func dropFuture(name string) { task.NewFuture[int](bg, task.Name(name)) }

// What was there before the guard does not count; a clean test passes.
func TestGuardAccusesNobody(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	leakOnPurpose(hold)
	require.Empty(t, failing(t, func(t testing.TB) {
		testkit.Guard(t)
		busyTest()
	}))
}

// busyTest does a bit of everything, properly.
func busyTest() {
	_ = scope.Run(bg, func(ctx context.Context) error {
		for range 20 {
			f := task.NewFuture[int](ctx)
			scope.Go(ctx, func(context.Context) error { return f.SetResult(1) })
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					done := make(chan struct{})
					go func() { close(done) }()
					<-done
					_, err := f.Wait(ctx)
					return err
				})
			})
		}
		return nil
	})
}

// Tests in parallel are judged together, by the last, and each is named.
func TestGuardOfParallelTests(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	first := &fakeTB{TB: t, name: "TestFirst"}
	second := &fakeTB{TB: t, name: "TestSecond"}
	testkit.Guard(first)
	testkit.Guard(second)
	leakOnPurpose(hold)
	require.Empty(t, first.end())
	mentions(t, second.end(), "one of the parallel tests TestSecond, TestFirst", "leakOnPurpose")
}

// A test is judged by itself beside the tests around it.
func TestGuardOfSubtests(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	outer := &fakeTB{TB: t, name: "TestOuter"}
	inner := &fakeTB{TB: t, name: "TestOuter/inner"}
	testkit.Guard(outer)
	testkit.Guard(inner)
	leakOnPurpose(hold)
	mentions(t, inner.end(), "the test left something behind", "leakOnPurpose")
	require.NotEmpty(t, outer.end())
}

// While an unguarded test runs beside it, a guard accuses nobody of goroutines.
func TestGuardBesideAnUnguardedTest(t *testing.T) {
	needsTwo(t)
	var text string
	ready, checked := make(chan struct{}), make(chan struct{})
	t.Run("group", func(t *testing.T) {
		t.Run("unguarded", func(t *testing.T) {
			t.Parallel()
			<-ready
			hold := make(chan struct{})
			defer close(hold)
			leakOnPurpose(hold)
			checked <- struct{}{}
			<-checked
		})
		t.Run("guarded", func(t *testing.T) {
			t.Parallel()
			text = failing(t, func(t testing.TB) {
				testkit.Guard(t)
				close(ready)
				<-checked
			})
			checked <- struct{}{}
		})
	})
	require.Empty(t, text)
}

// Main fails a run that passed and left something, and says what.
func TestMainLooks(t *testing.T) {
	testkit.Guard(t)
	hold := make(chan struct{})
	code, text := runMain(t, func() int {
		_ = scope.Run(bg, func(context.Context) error { leakOnPurpose(hold); return nil }, scope.Name("all"))
		dropFuture("lost")
		return 0
	})
	require.Equal(t, 1, code)
	mentions(t, text, "the tests passed, but left something behind", "inside scope all, and has outlived it", "leakOnPurpose", `future "lost"`)
	close(hold)
	code, text = runMain(t, func() int { busyTest(); return 0 })
	require.Equal(t, 0, code)
	require.Empty(t, text)
	code, _ = runMain(t, func() int { return 2 })
	require.Equal(t, 2, code)
}

// runMain is Main with these tests, and what it printed.
func runMain(t *testing.T, run func() int) (code int, printed string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	code = testkit.RunMain(run)
	os.Stderr = stderr
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return code, string(text)
}
