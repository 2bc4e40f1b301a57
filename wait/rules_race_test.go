package wait_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/wait"
)

// loser waits until it is cancelled, cleans up for a second, and then returns
// v and err, or its cancellation if both are zero.
type loser struct {
	v     int
	err   error
	cause *scope.CanceledError
	ended bool
}

func (l *loser) run(ctx context.Context) (int, error) {
	_, err := forever(ctx)
	l.cause = scope.CauseOf(ctx)
	time.Sleep(time.Second)
	l.ended = true
	if l.v != 0 || l.err != nil {
		err = l.err
	}
	return l.v, err
}

// R65: the first to end decides Race; the rest are cancelled, with kind
// race-lost and in the name of the first, and joined, whatever they return.
func TestRace(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		for _, want := range []struct {
			v   int
			err error
		}{{7, nil}, {0, errA}} {
			plain, late, bad := &loser{}, &loser{v: 9}, &loser{err: errB}
			begin := time.Now()
			v, err := wait.Race(ctx, plain.run, late.run, after(time.Second, want.v, want.err), bad.run)
			require.Equal(t, want.v, v)
			require.True(t, err == want.err, "as it is: %v", err)
			require.Equal(t, 2*time.Second, time.Since(begin))
			for _, l := range []*loser{plain, late, bad} {
				require.True(t, l.ended)
				require.Equal(t, scope.KindRaceLost, l.cause.Kind)
				require.Regexp(t, "/race/.*after", l.cause.Task)
				require.ErrorIs(t, l.cause, context.Canceled)
			}
		}
	})
}

// R65: the first value decides Any; failures before do not count.
func TestAny(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		plain, late, bad := &loser{}, &loser{v: 9}, &loser{err: errB}
		v, err := wait.Any(ctx, after(0, 0, errA), plain.run, late.run, after(time.Second, 7, nil), bad.run)
		require.NoError(t, err)
		require.Equal(t, 7, v)
		for _, l := range []*loser{plain, late, bad} {
			require.True(t, l.ended)
			require.Equal(t, scope.KindRaceLost, l.cause.Kind)
		}
		v, err = wait.Any(bg, after(0, 0, nil)) // the zero value is one
		require.NoError(t, err)
		require.Zero(t, v)
	})
}

// R65: if all fail, Any has all errors, in input order; nobody is cancelled.
func TestAnyAllFail(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		v, err := wait.Any(ctx, after(time.Second, 1, errA), after(0, 0, errB), func(ctx context.Context) (int, error) {
			defer func() { require.Nil(t, scope.CauseOf(ctx)) }()
			return after(2*time.Second, 0, errA)(ctx)
		}, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil })
		require.Zero(t, v)
		require.Equal(t, []error{errA, errB, errA, scope.ErrGoexit}, failuresOf(t, err))
		require.ErrorIs(t, err, errA)
		require.ErrorIs(t, err, errB)
	})
}

// R65, R35: a Goexit ends a function, and decides a race.
func TestRaceGoexit(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		l := &loser{}
		_, err := wait.Race(ctx, l.run, later(time.Second, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil }))
		require.True(t, err == scope.ErrGoexit)
		require.Equal(t, scope.KindRaceLost, l.cause.Kind)
	})
}

// R34, R65: a panic is never lost: not that of the first, nor of one that has
// failed to win, nor of a loser that was cancelled. All are joined before.
func TestContestPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		boom := later(time.Second, func(context.Context) (int, error) { panic("boom") })
		bad := func(ctx context.Context) (int, error) { _, _ = forever(ctx); panic("boom") }
		for name, call := range map[string]func(l *loser) (int, error){
			"first of Race": func(l *loser) (int, error) { return wait.Race(ctx, l.run, boom) },
			"loser of Race": func(l *loser) (int, error) { return wait.Race(ctx, l.run, bad, after(2*time.Second, 1, nil)) },
			"first of Any":  func(l *loser) (int, error) { return wait.Any(ctx, l.run, boom, after(2*time.Second, 1, nil)) },
			"loser of Any":  func(l *loser) (int, error) { return wait.Any(ctx, l.run, bad, after(2*time.Second, 1, nil)) },
			"last of Any":   func(l *loser) (int, error) { l.ended = true; return wait.Any(ctx, after(0, 0, errA), boom) },
		} {
			t.Log(name)
			l := new(loser)
			func() {
				defer func() {
					p, ok := recover().(*scope.PanicError)
					require.True(t, ok)
					require.Equal(t, "boom", p.Value)
					require.True(t, l.ended)
				}()
				_, _ = call(l)
			}()
		}
	})
}

// R65, R2: cancelled from outside, they return that, when all have ended.
func TestContestCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		for _, call := range []func(context.Context, ...func(context.Context) (int, error)) (int, error){wait.Race[int], wait.Any[int]} {
			l := &loser{}
			s := scope.New()
			require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
				time.AfterFunc(time.Second, func() { s.Cancel(errA) })
				v, err := call(ctx, l.run, func(ctx context.Context) (int, error) { <-ctx.Done(); return 3, ctx.Err() }) //nolint:wrapcheck // on purpose
				require.Zero(t, v)
				require.Equal(t, s.Cause(), err)
				require.True(t, l.ended)
				return err
			}))
			// A value beats the cancellation (R38).
			other, stop := context.WithTimeout(ctx, time.Second)
			v, err := call(other, l.run, func(ctx context.Context) (int, error) { <-ctx.Done(); return 3, nil })
			require.NoError(t, err)
			require.Equal(t, 3, v)
			require.ErrorIs(t, l.cause, context.DeadlineExceeded)
			stop()
		}
	})
}

// R65: cancelled from within: the whole contest, which is an error, although
// its scope catches it; or one function, which has ended then.
func TestContestCancelledFromWithin(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		whole := func(ctx context.Context) (int, error) { scope.From(ctx).Cancel(errA); return forever(ctx) }
		alone := later(time.Second, func(ctx context.Context) (int, error) { scope.TaskFrom(ctx).Cancel(errA); return forever(ctx) })
		for _, call := range []func(context.Context, ...func(context.Context) (int, error)) (int, error){wait.Race[int], wait.Any[int]} {
			_, err := call(ctx, forever, whole)
			require.ErrorIs(t, canceledIs(t, scope.KindExplicit, err), errA)
		}
		l := &loser{}
		_, err := wait.Race(ctx, l.run, alone)
		require.ErrorIs(t, canceledIs(t, scope.KindExplicit, err), errA)
		require.Equal(t, scope.KindRaceLost, l.cause.Kind)
		v, err := wait.Any(ctx, alone, after(2*time.Second, 1, nil))
		require.NoError(t, err)
		require.Equal(t, 1, v)
		_, err = wait.Any(ctx, alone, after(2*time.Second, 1, errB))
		require.ErrorIs(t, failuresOf(t, err)[0], errA)
	})
}

// R13: a race that was decided, and then cancelled from outside while its
// losers clean up, stays decided.
func TestDecidedStaysDecided(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := scope.New()
		require.NoError(t, s.Run(ctx, func(ctx context.Context) error {
			time.AfterFunc(1500*time.Millisecond, func() { s.Cancel(nil) })
			l := &loser{}
			v, err := wait.Race(ctx, l.run, after(time.Second, 4, nil))
			require.NoError(t, err)
			require.Equal(t, 4, v)
			require.Equal(t, scope.KindRaceLost, l.cause.Kind)
			return nil
		}))
	})
}

// R65: what functions spawn into the contest's scope is joined; its failures
// are supervised, its panics are not.
func TestContestJoinsWhatItsFunctionsSpawn(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var ended atomic.Bool
		v, err := wait.Race(ctx, func(ctx context.Context) (int, error) {
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, time.Hour)
				time.Sleep(time.Second)
				ended.Store(true)
				return errors.New("too late")
			})
			return after(time.Second, 2, nil)(ctx)
		})
		require.NoError(t, err)
		require.Equal(t, 2, v)
		require.True(t, ended.Load())
	})
}

// The live tree shows who can end a race.
func TestContestInTheTree(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		x := scope.Go(ctx, func(ctx context.Context) error {
			_, err := wait.Race(ctx, forever, after(time.Second, 1, nil))
			return err
		})
		synctest.Wait()
		snap := scope.From(ctx).Snapshot().Tasks[0]
		require.Equal(t, "wait.race", snap.WaitingOn.Kind)
		require.Len(t, snap.WaitingOn.Holders, 2)
		require.Len(t, snap.Scopes[0].Tasks, 2)
		require.NoError(t, x.Wait(ctx))
	})
}
