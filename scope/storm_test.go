package scope_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R36: 10,000 tasks that spawn siblings while the body waits at the exit.
func TestStormOfSiblings(t *testing.T) {
	testkit.Guard(t)
	var spawned, ran atomic.Int64
	var grow fn
	grow = func(ctx context.Context) error {
		ran.Add(1)
		for range 2 {
			if spawned.Add(1) <= 10_000 {
				scope.Go(ctx, grow)
			}
		}
		return nil
	}
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error { scope.Go(ctx, grow); return nil }))
	require.EqualValues(t, 10_001, ran.Load())
}

// R36: spawn against close: each runs and is joined, or is refused.
func TestStormOfSpawnAgainstClose(t *testing.T) {
	testkit.Guard(t)
	for range 1000 {
		s := scope.New()
		var ran, refused atomic.Int64
		var spawners sync.WaitGroup
		begun := make(chan struct{})
		for range 4 {
			spawners.Add(1)
			go func() {
				defer spawners.Done()
				<-begun
				for range 4 {
					c := scope.Go(bg, func(context.Context) error { ran.Add(1); return nil }, scope.In(s))
					switch err := c.Wait(bg); {
					case err == nil:
					case errors.Is(err, scope.ErrClosed):
						refused.Add(1)
					default:
						t.Errorf("neither run nor refused: %v", err)
					}
				}
			}()
		}
		require.NoError(t, s.Run(bg, func(context.Context) error { close(begun); runtime.Gosched(); return nil }))
		atEnd := ran.Load()
		spawners.Wait()
		require.Equal(t, atEnd, ran.Load(), "none ran after Run had returned")
		require.EqualValues(t, 16, ran.Load()+refused.Load())
	}
}

// R12: 100 goroutines cancel one scope: one cause.
func TestStormOfCancels(t *testing.T) {
	testkit.Guard(t)
	for range 100 {
		s := scope.New()
		var cancels sync.WaitGroup
		causes := make(chan error, 100)
		err := s.Run(bg, func(ctx context.Context) error {
			for range 10 {
				scope.Go(ctx, forever)
			}
			for i := range 100 {
				cancels.Add(1)
				go func() {
					defer cancels.Done()
					s.Cancel(fmt.Errorf("%d", i))
					causes <- s.Cause()
				}()
			}
			return forever(ctx)
		})
		require.NoError(t, err)
		cancels.Wait()
		for range 100 {
			require.Same(t, s.Cause(), <-causes)
		}
	}
}

// R26: 5,000 nested scopes work, and are cancelled in linear time: twice the
// depth costs about twice, not four times.
func TestStormOfDepth(t *testing.T) {
	testkit.Guard(t)
	depth := invariant.Few(5000)
	var nest func(ctx context.Context, n int, bottom fn) error
	nest = func(ctx context.Context, n int, bottom fn) error {
		if n == 0 {
			return bottom(ctx)
		}
		return scope.Run(ctx, func(ctx context.Context) error { return nest(ctx, n-1, bottom) }, scope.MovableDeadline(time.Time{}))
	}
	s := scope.New()
	require.NoError(t, s.Run(bg, func(ctx context.Context) error {
		return nest(ctx, depth, func(ctx context.Context) error {
			s.Cancel(errWhy)
			err := forever(ctx)
			require.Same(t, s.Cause(), err)
			return err
		})
	}))
	require.NoError(t, nest(bg, depth, sleep(0)))
}

// R26: a scope that has run 10⁶ short tasks uses the memory of a fresh one.
func TestStormOfShortTasks(t *testing.T) {
	testkit.Guard(t)
	invariant.Untraced(t)
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		batch := func(n int) {
			for range n / 100 {
				var last *scope.Child
				for range 100 {
					last = scope.Go(ctx, named)
				}
				if err := last.Wait(ctx); err != nil {
					t.Error(err)
				}
			}
			for len(scope.From(ctx).Snapshot().Tasks) > 0 {
				runtime.Gosched()
			}
		}
		batch(1000)
		before := heap()
		batch(n)
		require.InDelta(t, before, heap(), 512<<10)
		return nil
	}))
}

// R34, R35: panic, error and Goexit in the same instant: nothing is lost.
func TestStormOfEndings(t *testing.T) {
	testkit.Guard(t)
	for range 500 {
		func() {
			defer func() {
				p, ok := recover().(*scope.PanicError)
				require.True(t, ok)
				require.Equal(t, "now", p.Value)
				require.ErrorIs(t, p, errBoom)
				require.ErrorIs(t, p, scope.ErrGoexit)
			}()
			_ = scope.Run(bg, func(ctx context.Context) error {
				var begun sync.WaitGroup
				begun.Add(3)
				for _, end := range []func() error{
					func() error { panic("now") }, func() error { return errBoom }, func() error { runtime.Goexit(); return nil },
				} {
					scope.Go(ctx, func(context.Context) error { begun.Done(); begun.Wait(); return end() })
				}
				begun.Wait()
				return nil
			})
		}()
	}
}

// R12, R13, R30: tasks that fail, are cancelled, spawn and nest at random, while
// others cancel and look: Run always returns, and nothing is left.
func TestStormOfEverything(t *testing.T) {
	testkit.Guard(t)
	for i := range 300 {
		s := scope.New(scope.MovableDeadline(time.Now().Add(time.Hour)))
		var wg sync.WaitGroup
		for j := range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for k := range 20 {
					switch (i + j + k) % 5 {
					case 0:
						_ = s.Snapshot()
					case 1:
						_ = s.SetDeadline(time.Now().Add(time.Hour))
					case 2:
						scope.Go(bg, sleep(time.Microsecond), scope.In(s))
					case 3:
						s.Shutdown(errWhy, time.Hour)
					case 4:
						if k > 15 {
							s.Cancel(errWhy)
						}
					}
				}
			}()
		}
		var left atomic.Int64
		err := s.Run(bg, func(ctx context.Context) error {
			for k := range 10 {
				left.Add(1)
				scope.Go(ctx, func(ctx context.Context) error {
					defer left.Add(-1)
					return scope.Run(ctx, func(ctx context.Context) error {
						c := scope.Go(ctx, sleep(time.Duration(k)*time.Microsecond))
						if k == i%40 {
							return errBoom
						}
						if k%3 == 0 {
							c.Cancel(errWhy)
							return nil
						}
						return c.Wait(ctx)
					})
				}, scope.Timeout(time.Hour))
			}
			return nil
		})
		if err != nil && !errors.Is(err, errBoom) && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		wg.Wait()
		if n := left.Load(); n > 0 && !s.CancelCalled() {
			t.Fatalf("%d tasks neither ran nor ended", n)
		}
		require.Empty(t, s.Snapshot().Tasks)
	}
}
