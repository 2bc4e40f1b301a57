package guest_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// withGoroutines runs main as the guest of h inside a scope of goroutines,
// which main gets as well.
func withGoroutines(t *testing.T, h *host, main func(ctx context.Context, outer *scope.Scope) (int, error)) guest.Outcome[int] {
	t.Helper()
	var out guest.Outcome[int]
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		outer := scope.From(ctx)
		out = run(t, h, ctx, func(ctx context.Context) (int, error) { return main(ctx, outer) })
		return nil
	}))
	return out
}

// A goroutine task, and the function of a blocking call, have something done on
// the host's thread; a host task, and done, are there already.
func TestRunOnHost(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		there := func() (int, error) { h.touch(t); return 7, errBoom }
		check := func(v int, err error) {
			require.Equal(t, 7, v)
			require.Equal(t, errBoom, err)
		}
		var late context.Context
		out := withGoroutines(t, h, func(ctx context.Context, outer *scope.Scope) (int, error) {
			check(guest.RunOnHost(ctx, there))
			child := scope.Go(ctx, func(ctx context.Context) error {
				late = ctx
				check(guest.RunOnHost(ctx, there))
				return nil
			}, scope.In(outer))
			if err := child.Wait(ctx); err != nil {
				return 0, err
			}
			return scope.Blocking(ctx, func() (int, error) {
				check(guest.RunOnHost(ctx, there))
				return 1, nil
			})
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
		require.Equal(t, 4, h.touched)
		_, err := guest.RunOnHost(context.WithoutCancel(late), func() (int, error) { t.Error("fn was called"); return 0, nil })
		require.ErrorIs(t, err, scope.ErrClosed)
	})
}

// A host task that runs there may wait, as any.
func TestRunOnHostWaits(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := withGoroutines(t, h, func(ctx context.Context, outer *scope.Scope) (int, error) {
			var f task.Future[int]
			asked := task.Go(ctx, func(ctx context.Context) (int, error) {
				return guest.RunOnHost(ctx, func() (int, error) { return f.Wait(ctx) })
			}, scope.In(outer))
			if err := scope.Sleep(ctx, time.Millisecond); err != nil {
				return 0, err
			}
			require.NoError(t, f.SetResult(3))
			return asked.Wait(ctx)
		})
		require.Equal(t, guest.Outcome[int]{Value: 3}, out)
	})
}

// R2: cancelled before its turn, fn is not called; cancelled while it runs, it
// is waited for.
func TestRunOnHostCanceled(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		out := withGoroutines(t, h, func(ctx context.Context, outer *scope.Scope) (int, error) {
			called := false
			child := scope.Go(ctx, func(ctx context.Context) error {
				_, err := guest.RunOnHost(ctx, func() (int, error) { called = true; return 0, nil })
				return err
			}, scope.In(outer))
			synctest.Wait() // it waits for this very step to end
			require.True(t, child.Cancel(errWhy))
			require.ErrorIs(t, child.Wait(ctx), errWhy)
			require.False(t, called)

			var f task.Future[int]
			child = scope.Go(ctx, func(ctx context.Context) error {
				v, err := guest.RunOnHost(ctx, func() (int, error) { return f.Wait(bg) })
				require.Equal(t, 3, v)
				return err
			}, scope.In(outer))
			require.NoError(t, scope.Sleep(ctx, time.Second))
			require.True(t, child.Cancel(errWhy))
			require.NoError(t, scope.Sleep(ctx, time.Second))
			require.Equal(t, scope.Canceling, child.State())
			require.NoError(t, f.SetResult(3))
			return 1, child.Wait(ctx)
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// A panic is raised where RunOnHost was called, Goexit is an error, and the host
// minds neither.
func TestRunOnHostPanics(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			return scope.Blocking(ctx, func() (int, error) {
				func() {
					defer func() {
						p, ok := recover().(*scope.PanicError)
						require.True(t, ok)
						require.Equal(t, "there", p.Value)
						require.Contains(t, string(p.Stack), "TestRunOnHostPanics")
					}()
					_, _ = guest.RunOnHost(ctx, func() (int, error) { panic("there") })
				}()
				_, err := guest.RunOnHost(ctx, func() (int, error) { runtime.Goexit(); return 0, nil })
				require.ErrorIs(t, err, scope.ErrGoexit)
				return 1, nil
			})
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

func TestRunOnHostWithout(t *testing.T) {
	testkit.Guard(t)
	_, err := guest.RunOnHost(bg, func() (int, error) { t.Error("fn was called"); return 0, nil })
	require.ErrorIs(t, err, guest.ErrNoHost)
	require.Panics(t, func() { _, _ = guest.RunOnHost(nil, func() (int, error) { return 0, nil }) })
	require.Panics(t, func() { _, _ = guest.RunOnHost[int](bg, nil) })
}

// While a blocking call of a host task is away, the host and the other tasks go
// on; its outcome comes back to the host's thread.
func TestBlocking(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			release := make(chan struct{})
			away := task.Go(ctx, func(ctx context.Context) (int, error) {
				v, err := scope.Blocking(ctx, func() (int, error) { <-release; return 4, errBoom })
				h.touch(t)
				require.Equal(t, 4, v)
				require.Equal(t, errBoom, err)
				require.Panics(t, func() { _, _ = scope.Blocking(ctx, func() (int, error) { panic("away") }) })
				_, err = scope.Blocking(ctx, func() (int, error) { runtime.Goexit(); return 0, nil })
				require.ErrorIs(t, err, scope.ErrGoexit)
				return v, nil
			})
			for range 10 {
				require.NoError(t, scope.Checkpoint(ctx))
			}
			require.Equal(t, scope.Running, away.State())
			close(release)
			return away.Wait(ctx)
		})
		require.Equal(t, guest.Outcome[int]{Value: 4}, out)
	})
}

// It is waited for although it is cancelled, unless it may be abandoned.
func TestBlockingCanceled(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			for _, abandon := range []bool{false, true} {
				start := time.Now()
				err := scope.FailAfter(ctx, time.Second, func(ctx context.Context) error {
					var opts []scope.BlockingOption
					if abandon {
						opts = append(opts, scope.Abandon(nil))
					}
					_, err := scope.Blocking(ctx, func() (int, error) { time.Sleep(time.Minute); return 0, nil }, opts...)
					return err
				})
				if abandon {
					require.Error(t, err)
					require.Equal(t, time.Second, time.Since(start))
				} else {
					require.NoError(t, err)
					require.Equal(t, time.Minute, time.Since(start))
				}
			}
			return 1, scope.Sleep(ctx, time.Hour) // the abandoned one has ended
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}

// On the host's thread there is no turn to wait for: in a host task, in done,
// and in an event of the host's, if its thread is locked.
func TestRunOnHostAtOnce(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		atOnce := func(ctx context.Context) {
			v, err := guest.RunOnHost(context.WithoutCancel(ctx), func() (int, error) { h.touch(t); return 1, nil })
			require.NoError(t, err)
			require.Equal(t, 1, v)
		}
		h.on(func() {
			var ctx context.Context
			_, err := guest.Start(bg, h.host(), func(c context.Context) (int, error) {
				ctx = c
				ran := false
				scope.Go(ctx, func(context.Context) error { ran = true; return nil })
				atOnce(ctx)
				require.False(t, ran)
				if h.locked {
					h.post(func() { atOnce(ctx) })
				}
				return 0, scope.Sleep(ctx, time.Millisecond)
			}, func(guest.Outcome[int]) {
				atOnce(ctx)
				h.quit = true
			})
			require.NoError(t, err)
			h.loop()
		})
		require.GreaterOrEqual(t, h.touched, 2)
	})
}

// A run ends when what it does for others has ended too.
func TestRunOnHostOutlastsMain(t *testing.T) {
	bubbles(t, func(t *testing.T, h *host) {
		var child *scope.Child
		over := false
		out := withGoroutines(t, h, func(ctx context.Context, outer *scope.Scope) (int, error) {
			child = scope.Go(ctx, func(ctx context.Context) error {
				_, err := guest.RunOnHost(ctx, func() (int, error) {
					err := scope.Sleep(ctx, time.Hour)
					over = true
					return 0, err
				})
				return err
			}, scope.In(outer))
			return 1, scope.Sleep(ctx, time.Second)
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
		require.True(t, over)
		require.NoError(t, child.Err())
	})
}

// Waiting for signals is nothing for the host's thread.
func TestSignals(t *testing.T) {
	hosts(t, func(t *testing.T, h *host) {
		out := run(t, h, bg, func(ctx context.Context) (int, error) {
			return 1, scope.Run(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Millisecond) }, scope.Signals(time.Second))
		})
		require.Equal(t, guest.Outcome[int]{Value: 1}, out)
	})
}
