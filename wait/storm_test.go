package wait_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
	"github.com/corral-go/corral/wait"
)

// R52, R60: 1,000 waiters on one future, by Wait and by AsCompleted; half of
// them give up, which the others do not notice.
func TestThousandWaiters(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		f := new(task.Future[int])
		other := new(task.Future[int])
		var got, gaveUp atomic.Int64
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			for i := range 1000 {
				scope.Go(ctx, func(ctx context.Context) error {
					if i%2 == 0 {
						done, _, err := wait.Wait(ctx, aws{other, f}, wait.Timeout(time.Second))
						gaveUp.Add(int64(1 - len(done)))
						return err
					}
					if i%4 == 1 {
						done, _, err := wait.Wait(ctx, aws{other, f}, wait.FirstCompleted)
						got.Add(int64(len(done)))
						return err
					}
					for j := range wait.AsCompleted(ctx, aws{other, f}) {
						require.Equal(t, 1, j)
						got.Add(1)
						break
					}
					return nil
				})
			}
			_ = scope.Sleep(ctx, 2*time.Second)
			return f.SetResult(1)
		}))
		require.EqualValues(t, 500, got.Load())
		require.EqualValues(t, 500, gaveUp.Load())
		require.False(t, other.IsDone())
	})
}

// R5, R60: 10⁵ futures, each waited for with FirstCompleted beside one that
// lasts, leave nothing behind: no goroutine, no memory, and the one that lasts
// does not know of the others any more.
func TestFirstCompletedLeavesNothing(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	const n = 100_000
	lasting := new(task.Future[int])
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		var one weak.Pointer[task.Future[int]]
		var before runtime.MemStats
		next := make(chan *task.Future[int])
		defer close(next)
		scope.Go(ctx, func(context.Context) error {
			for f := range next {
				_ = f.SetResult(1)
			}
			return nil
		})
		for i := range n {
			if i == n/10 {
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
			f := new(task.Future[int])
			one = weak.Make(f)
			if i%2 == 0 {
				_ = f.SetResult(1)
			} else {
				next <- f
			}
			done, pending, err := wait.Wait(ctx, []*task.Future[int]{lasting, f}, wait.FirstCompleted)
			if err != nil || len(done) != 1 || done[0] != f || pending[0] != lasting {
				t.Fatal(done, pending, err)
			}
		}
		runtime.GC()
		require.Nil(t, one.Value())
		var after runtime.MemStats
		runtime.ReadMemStats(&after)
		require.Less(t, int64(after.HeapObjects)-int64(before.HeapObjects), int64(n/10))
		return nil
	}))
	require.NoError(t, lasting.SetResult(1))
}

// R60, R64: 10⁵ futures in one call, set by many at once in any order: each
// comes once.
func TestHundredThousandFutures(t *testing.T) {
	testkit.Guard(t)
	const n = 100_000
	fs := make([]*task.Future[int], n)
	for i := range fs {
		fs[i] = new(task.Future[int])
	}
	var setters sync.WaitGroup
	for k := range 4 {
		setters.Go(func() {
			for i := k; i < n; i += 4 {
				_ = fs[i].SetResult(i)
			}
		})
	}
	seen := make([]bool, n)
	for i, f := range wait.AsCompleted(bg, fs) {
		if v, err := f.Result(); err != nil || v != i || seen[i] {
			t.Fatal(i, v, err, seen[i])
		}
		seen[i] = true
	}
	done, pending, err := wait.Wait(bg, fs)
	require.NoError(t, err)
	require.Len(t, done, n)
	require.Empty(t, pending)
	setters.Wait()
}

// R3, R60: whatever ends, is cancelled or runs out of time in one instant:
// every call returns, and says the truth about each thing.
func TestWaitStorm(t *testing.T) {
	testkit.Guard(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		fs := make([]*task.Future[int], 1+rnd.IntN(5))
		for i := range fs {
			fs[i] = new(task.Future[int])
		}
		ctx, cancel := plain()
		var opts []wait.Option
		opts = append(opts, wait.Condition(rnd.IntN(3)))
		if rnd.IntN(3) == 0 {
			opts = append(opts, wait.Timeout(time.Duration(rnd.IntN(20))*time.Microsecond))
		}
		cut := rnd.IntN(3) == 0
		var all sync.WaitGroup
		all.Go(func() {
			done, pending, err := wait.Wait(ctx, append(aws{}, of(fs)...), opts...)
			if len(done)+len(pending) != len(fs) {
				t.Error("something is missing")
			}
			for _, d := range done {
				if !d.(*task.Future[int]).IsDone() {
					t.Error("it is not done")
				}
			}
			if err == nil && len(opts) == 1 && len(done) == 0 {
				t.Error("nothing is done")
			}
		})
		all.Go(func() {
			n := 0
			for i, f := range wait.AsCompleted(ctx, fs) {
				if f != fs[i] || !f.IsDone() {
					t.Error("it is not done")
				}
				n++
			}
			if n != len(fs) && ctx.Err() == nil {
				t.Error("the loop ended early")
			}
		})
		for i, f := range fs {
			all.Go(func() {
				if i%2 == 0 {
					_ = f.SetResult(i)
				} else {
					_ = f.SetError(errA)
				}
			})
		}
		if cut {
			all.Go(cancel)
		}
		all.Wait()
		cancel()
	}
}

func of(fs []*task.Future[int]) (as aws) {
	for _, f := range fs {
		as = append(as, f)
	}
	return as
}

// R65: contests whose functions end, fail and are cancelled in one instant
// decide once, and have joined everything.
func TestContestStorm(t *testing.T) {
	testkit.Guard(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range invariant.Few(2000) {
		var running atomic.Int64
		fns := make([]func(context.Context) (int, error), 1+rnd.IntN(4))
		for i := range fns {
			kind := rnd.IntN(3)
			fns[i] = func(ctx context.Context) (int, error) {
				running.Add(1)
				defer running.Add(-1)
				switch kind {
				case 0:
					return i + 1, nil
				case 1:
					return 0, errA
				}
				<-ctx.Done()
				return 0, scope.CauseOf(ctx)
			}
		}
		ctx, cancel := plain()
		if rnd.IntN(2) == 0 {
			go cancel()
		} else {
			time.AfterFunc(time.Millisecond, cancel)
		}
		for _, call := range []func(context.Context, ...func(context.Context) (int, error)) (int, error){wait.Race[int], wait.Any[int]} {
			v, err := call(ctx, fns...)
			if (v == 0) == (err == nil) {
				t.Fatal(v, err)
			}
			if n := running.Load(); n != 0 {
				t.Fatal(n, "still run")
			}
		}
		cancel()
	}
}

// R26: ForEach keeps nothing of what is done.
func TestForEachIsFlat(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	const n = 100_000
	var before, after runtime.MemStats
	seq, _ := once(n)
	var count atomic.Int64
	require.NoError(t, wait.ForEach(bg, seq, 4, func(context.Context, int) error {
		switch count.Add(1) {
		case n / 10:
			runtime.GC()
			runtime.ReadMemStats(&before)
		case n:
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
		return nil
	}))
	require.EqualValues(t, n, count.Load())
	require.Less(t, int64(after.HeapObjects)-int64(before.HeapObjects), int64(n/10))
}
