package scope_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// tkTogether runs body and three tasks that end in the same instant: by a
// panic, an error and a Goexit.
func tkTogether(body func(ctx context.Context, gate chan struct{}) error, opts ...scope.Option) error {
	gate := make(chan struct{})
	var ready sync.WaitGroup
	return scope.Run(tkBg, func(ctx context.Context) error {
		for _, fn := range []func(){func() { panic(tkErrB) }, func() {}, runtime.Goexit} {
			ready.Add(1)
			scope.Go(ctx, func(context.Context) error {
				ready.Done()
				<-gate
				fn()
				return tkErrA
			})
		}
		ready.Wait()
		return body(ctx, gate)
	}, opts...)
}

// R30, R34, R35: a panic, an error and a Goexit in the same instant: the panic
// is raised, and nothing is lost.
func TestStorm_PanicErrorGoexit(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		p := tkPanic(t, func() {
			_ = tkTogether(func(_ context.Context, gate chan struct{}) error { close(gate); return nil })
		})
		require.Equal(t, tkErrB, p.Value)
		require.ErrorIs(t, p, tkErrA)
		require.ErrorIs(t, p, tkErrB)
		require.ErrorIs(t, p, scope.ErrGoexit)
	}
}

// R30, R34, R35: the same as errors: three failures, each once.
func TestStorm_PanicErrorGoexitAsErrors(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		err := tkTogether(func(_ context.Context, gate chan struct{}) error { close(gate); return tkErrC }, scope.PanicsAsErrors())
		require.Len(t, tkFailures(t, err), 4)
		var p *scope.PanicError
		require.ErrorAs(t, err, &p)
		for _, want := range []error{tkErrA, tkErrB, tkErrC, scope.ErrGoexit} {
			require.ErrorIs(t, err, want)
		}
	}
}

// R32: and under supervision each reaches the handler once.
func TestStorm_PanicErrorGoexitSupervised(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		var seen tkLog[error]
		require.NoError(t, tkTogether(func(_ context.Context, gate chan struct{}) error { close(gate); return nil }, scope.Supervise(seen.add)))
		all := errors.Join(seen.get()...)
		require.Len(t, seen.get(), 3)
		for _, want := range []error{tkErrA, tkErrB, scope.ErrGoexit} {
			require.ErrorIs(t, all, want)
		}
	}
}

// R34, R35: when the body exits in that instant too, the panic is what the
// caller sees, after everything was joined.
func TestStorm_BodyGoexit(t *testing.T) {
	testkit.Guard(t)
	for range 100 {
		done := make(chan any)
		go func() {
			defer close(done)
			defer func() {
				if v := recover(); v != nil {
					done <- v
				}
			}()
			_ = tkTogether(func(ctx context.Context, gate chan struct{}) error { close(gate); return tkExit(ctx) })
			done <- "returned"
		}()
		p, ok := (<-done).(*scope.PanicError)
		require.True(t, ok)
		require.ErrorIs(t, p, tkErrA)
		require.ErrorIs(t, p, tkErrB)
		for range done { //nolint:revive // until it is closed
		}
	}
}

// R30: 10,000 tasks fail at once, each with its own error: all are listed.
func TestStorm_TenThousandFailures(t *testing.T) {
	testkit.Guard(t)
	const n = 10_000
	gate := make(chan struct{})
	errs := make([]error, n)
	var ready sync.WaitGroup
	err := scope.Run(tkBg, func(ctx context.Context) error {
		for i := range n {
			errs[i] = fmt.Errorf("%d", i)
			ready.Add(1)
			scope.Go(ctx, func(context.Context) error { ready.Done(); <-gate; return errs[i] })
		}
		ready.Wait()
		close(gate)
		return nil
	})
	seen := make(map[error]int, n)
	for _, e := range tkFailures(t, err) {
		seen[e]++
	}
	require.Len(t, seen, n)
	for _, e := range errs {
		require.Equal(t, 1, seen[e])
	}
}

// R30: 10,000 tasks fail at once with the same error: it is listed once.
func TestStorm_TenThousandTimesTheSame(t *testing.T) {
	testkit.Guard(t)
	gate := make(chan struct{})
	var ready sync.WaitGroup
	err := scope.Run(tkBg, func(ctx context.Context) error {
		for range 10_000 {
			ready.Add(1)
			scope.Go(ctx, func(context.Context) error { ready.Done(); <-gate; return tkErrA })
		}
		ready.Wait()
		close(gate)
		return nil
	})
	require.Equal(t, []error{tkErrA}, tkFailures(t, err))
}

// R31, R52: 1,000 tasks of the same scope wait for one that fails: each sees
// the failure.
func TestStorm_ThousandWaiters(t *testing.T) {
	testkit.Guard(t)
	for range 5 {
		var saw atomic.Int32
		gate := make(chan struct{})
		err := scope.Run(tkBg, func(ctx context.Context) error {
			bad := scope.Go(ctx, func(context.Context) error { <-gate; return tkErrA })
			var ready sync.WaitGroup
			for range 1000 {
				ready.Add(1)
				scope.Go(ctx, func(ctx context.Context) error {
					ready.Done()
					if err := bad.Wait(ctx); err == tkErrA {
						saw.Add(1)
					}
					return nil
				})
			}
			ready.Wait()
			close(gate)
			return nil
		})
		require.Equal(t, []error{tkErrA}, tkFailures(t, err))
		require.EqualValues(t, 1000, saw.Load())
	}
}

// R39: many cancel one task that ends by itself: at most one has an effect,
// and the outcome is one of the two.
func TestStorm_CancelAgainstEnd(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		var effects atomic.Int32
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, scope.Checkpoint)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if c.Cancel(nil) {
						effects.Add(1)
					}
				})
			}
			wg.Wait()
			<-c.Done()
			if c.State() == scope.Canceled {
				require.EqualValues(t, 1, effects.Load())
				tkCanceled(t, c.Err())
			} else {
				require.Equal(t, scope.Succeeded, c.State())
				require.LessOrEqual(t, effects.Load(), int32(1))
			}
			return nil
		}))
	}
}

// R45: a limited scope under cancellation: every task is run or cancelled, no
// turn is lost, nobody hangs.
func TestStorm_Limit(t *testing.T) {
	testkit.Guard(t)
	for i := range 100 {
		var running, ran, refused atomic.Int32
		s := scope.New(scope.Limit(2))
		require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for j := range 10 {
						c := scope.Go(ctx, func(ctx context.Context) error {
							if running.Add(1) > 2 {
								t.Error("more than two")
							}
							defer running.Add(-1)
							ran.Add(1)
							runtime.Gosched()
							return nil
						})
						if j%3 == 0 {
							c.Cancel(nil)
						}
						if i%2 == 1 && ran.Load() == 20 {
							s.Cancel(nil)
						}
						<-c.Done()
						if c.State() == scope.Canceled {
							refused.Add(1)
						}
					}
				})
			}
			wg.Wait()
			return nil
		}))
		require.EqualValues(t, 80, ran.Load()+refused.Load())
	}
}
