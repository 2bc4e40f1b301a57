package testkit_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

func TestBubble(t *testing.T) {
	testkit.Guard(t)
	ran := false
	testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
		begun := time.Now()
		require.Equal(t, "bubble", scope.From(ctx).Name())
		scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, 1000*time.Hour) }, scope.Name("long"))
		require.NoError(t, scope.Sleep(ctx, 1001*time.Hour))
		require.Equal(t, 1001*time.Hour, time.Since(begun))
		require.Equal(t, "scope bubble", r.Span("task long").Parent)
		ran = true
	})
	require.True(t, ran)
}

// planted are tests that fail on purpose, each in a process of its own: what is
// wrong with them ends the test binary, or fails a *testing.T.
var planted = map[string]plantedTest{
	"circle": {func(t *testing.T) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			var left, right *scope.Child
			ready := make(chan struct{})
			left = scope.Go(ctx, func(ctx context.Context) error { <-ready; return right.Wait(ctx) }, scope.Name("left"))
			right = scope.Go(ctx, func(ctx context.Context) error { <-ready; return left.Wait(ctx) }, scope.Name("right"))
			close(ready)
		})
	}, []string{
		"testkit: deadlock: everybody in the bubble waits",
		`bubble/left waits for task.wait "right", held by bubble/right`,
		`bubble/right waits for task.wait "left", held by bubble/left`,
		"in a circle: bubble/left → bubble/right → bubble/left",
		"scope bubble (closing)", "task left (running)", "bubble_test.go",
	}},
	"lost": {func(t *testing.T) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			f := task.NewFuture[int](ctx, task.Name("answer"))
			scope.Go(ctx, func(ctx context.Context) error { _, err := f.Wait(ctx); return err }, scope.Name("asker"))
			q := csync.NewQueue[int](0, csync.Name("jobs"))
			scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("worker"))
		})
	}, []string{`bubble/asker waits for future.wait "answer"`, `bubble/worker waits for queue.get "jobs"`}},
	"channel": {func(t *testing.T) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			c := make(chan int)
			scope.Go(ctx, func(context.Context) error { <-c; return nil }, scope.Name("deaf"))
		})
	}, []string{"testkit: deadlock", "task deaf (running)", "bubble_test.go", "panic: deadlock"}},
	"left": {func(t *testing.T) {
		testkit.Bubble(t, func(context.Context, *testkit.Recorder) {
			leakOnPurpose(make(chan struct{}))
		})
	}, []string{"testkit: goroutines are left in the bubble", "inside scope bubble, and has outlived it", "leakOnPurpose", "panic: deadlock"}},
	"failing scope": {func(t *testing.T) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			scope.Go(ctx, func(context.Context) error { return errors.New("boom") })
		})
	}, []string{"testkit: the scope of the bubble failed", "boom"}},
	"fatal": {func(t *testing.T) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) })
			t.Fatal("enough")
		})
	}, []string{"enough"}},
	"schedule": {func(t *testing.T) {
		testkit.Schedules(t, 1000, func(t *testing.T, ctx context.Context) error {
			return racy(t, ctx)
		})
	}, []string{"testkit: failed under schedule ", "CORRAL_SEED=", "lost update"}},
	"schedule deadlock": {func(t *testing.T) {
		testkit.Schedules(t, 1000, func(_ *testing.T, ctx context.Context) error {
			_, err := csync.NewQueue[int](0, csync.Name("jobs")).Get(ctx)
			return err
		})
	}, []string{"testkit: deadlock", "under schedule 1", "CORRAL_SEED=1"}},
	"fault": {func(t *testing.T) {
		testkit.Faults(t, func(t *testing.T, ctx context.Context) error {
			q := csync.NewQueue[int](0, csync.Name("jobs"))
			_ = q.TryPut(ctx, 7)
			v, err := q.Get(ctx)
			if err == nil {
				err = scope.Sleep(ctx, time.Second)
			}
			if err != nil && v == 7 {
				t.Errorf("item %d is lost", v) // it was taken and is not put back
			}
			return err
		})
	}, []string{"testkit: failed with the fault cancel-task:", "in the wait at", "bubble_test.go", "CORRAL_FAULT=cancel-task:", "item 7 is lost"}},
	"fault hangs": {func(t *testing.T) {
		testkit.Faults(t, func(_ *testing.T, ctx context.Context) error {
			f := task.NewFuture[int](ctx, task.Name("answer"))
			scope.Go(ctx, func(ctx context.Context) error {
				if err := scope.Sleep(ctx, time.Second); err != nil {
					return nil // and nobody sets the future
				}
				return f.SetResult(1)
			}, scope.Name("maker"))
			_, err := f.Wait(ctx)
			return err
		})
	}, []string{"testkit: deadlock", "with the fault cancel-task:", `bubble (its body) waits for future.wait "answer"`}},
	"swallowed": {func(t *testing.T) {
		testkit.Checkpoints(t, func(ctx context.Context) error {
			_ = scope.Sleep(ctx, time.Second)
			return nil
		})
	}, []string{"it was cancelled in the wait at", "bubble_test.go", "returned nil: the cancellation was swallowed"}},
	"goes on": {func(t *testing.T) {
		testkit.Checkpoints(t, func(ctx context.Context) error {
			err := scope.Checkpoint(ctx)
			<-time.After(time.Second)
			return err
		})
	}, []string{"it was cancelled in the wait at", "and went on for 1s"}},
	"deaf": {func(t *testing.T) {
		testkit.Checkpoints(t, func(context.Context) error {
			c := make(chan int)
			time.AfterFunc(time.Second, func() { close(c) })
			<-c
			return nil
		})
	}, []string{"did not return; it is blocked in", "bubble_test.go", "chan receive"}},
	"checkpoint hangs": {func(t *testing.T) {
		testkit.Checkpoints(t, func(ctx context.Context) error {
			f := task.NewFuture[int](ctx, task.Name("answer"))
			scope.Go(ctx, func(ctx context.Context) error {
				if err := scope.Sleep(ctx, time.Second); err != nil {
					return nil // and nobody sets the future
				}
				return f.SetResult(1)
			})
			_, err := f.Wait(context.WithoutCancel(ctx))
			return err
		})
	}, []string{"testkit: deadlock", "when cancelled in the wait at", "bubble_test.go"}},
	"busy": {func(t *testing.T) {
		testkit.Checkpoints(t, func(ctx context.Context) error {
			q := csync.NewQueue[int](0)
			_ = q.TryPut(ctx, 1)
			for {
				if _, err := q.Get(ctx); err == nil {
					return nil
				}
			}
		})
	}, []string{"it goes on in a circle"}},
}

type plantedTest struct {
	run  func(t *testing.T)
	want []string
}

// racy reads and writes with a wait in between.
func racy(t *testing.T, ctx context.Context) error { //nolint:revive // t comes first in tests
	var mu sync.Mutex
	n := 0
	err := scope.Run(ctx, func(ctx context.Context) error {
		for range 2 {
			scope.Go(ctx, func(ctx context.Context) error {
				mu.Lock()
				v := n
				mu.Unlock()
				err := scope.Checkpoint(ctx)
				mu.Lock()
				n = v + 1
				mu.Unlock()
				return err
			})
		}
		return nil
	})
	if n != 2 {
		t.Errorf("lost update: %d", n)
	}
	return err
}

const plantedName = "CORRAL_TEST_PLANTED"

// TestPlanted runs the planted test that the environment names.
//
// Unguarded: it fails by itself.
func TestPlanted(t *testing.T) {
	p, ok := planted[os.Getenv(plantedName)]
	if !ok {
		t.Skip("for TestPlantedIsFound")
	}
	p.run(t)
}

// Each planted test fails, says what is needed to find the defect, and under
// -race is itself without one.
func TestPlantedIsFound(t *testing.T) {
	testkit.Guard(t)
	if os.Getenv(plantedName) != "" {
		t.Skip("one is enough")
	}
	for name, p := range planted {
		t.Run(name, func(t *testing.T) {
			text := plantedText(t, name)
			for _, w := range p.want {
				require.Contains(t, text, w)
			}
			require.Contains(t, text, "FAIL")
			require.NotContains(t, text, "DATA RACE")
		})
	}
}

func runPlanted(t *testing.T, name string, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPlanted$", "-test.timeout=60s")
	cmd.Env = append(slices.Clone(os.Environ()), append(env, plantedName+"="+name)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "it passed: %s", out)
	return string(out)
}

// A failing seed, run alone, fails again, and a passing one passes.
func TestSeedIsRepeated(t *testing.T) {
	testkit.Guard(t)
	text := runPlanted(t, "schedule")
	_, seed, ok := strings.Cut(text, "CORRAL_SEED=")
	require.True(t, ok, text)
	seed, _, _ = strings.Cut(seed, " ")
	for range 3 {
		again := runPlanted(t, "schedule", "CORRAL_SEED="+seed)
		require.Contains(t, again, "failed under schedule "+seed)
	}
}
