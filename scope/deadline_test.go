package scope_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
)

// R13: two deadlines of one instant: the outer scope counts as cancelled,
// whichever timer runs first.
func TestEqualDeadlines(t *testing.T) {
	fixed := func(at time.Time) scope.Option { return scope.Deadline(at) }
	movable := scope.MovableDeadline
	for range 20 {
		for _, mk := range [][2]func(time.Time) scope.Option{{fixed, fixed}, {fixed, movable}, {movable, fixed}, {movable, movable}} {
			bubble(t, func(t *testing.T) {
				at := time.Now().Add(time.Second)
				outer, inner := scope.New(mk[0](at), scope.MoveOn()), scope.New(mk[1](at), scope.MoveOn())
				err := outer.Run(bg, func(ctx context.Context) error {
					err := inner.Run(ctx, forever)
					require.Error(t, err)
					return err
				})
				require.NoError(t, err)
				require.False(t, inner.CancelCaught())
				require.True(t, outer.CancelCaught())
			})
		}
	}
}

// R13: a deadline that is reached counts from its instant, also if nothing let
// its timer run.
func TestDueButUnfired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, opt := range []scope.Option{scope.Timeout(0), scope.MovableDeadline(time.Now())} {
			s := scope.New(opt, scope.MoveOn())
			err := s.Run(bg, func(context.Context) error { return context.DeadlineExceeded })
			if err != nil { // a movable one's ctx.Err is Canceled
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.True(t, s.CancelCalled())
			require.Equal(t, scope.KindDeadline, causeIn(t, s.Cause()).Kind)
		}
	})
}

// R19: fixed and movable deadlines, as ctx shows them.
func TestWhatCtxSaysOfDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		at := time.Now().Add(time.Second)
		_ = scope.Run(bg, func(ctx context.Context) error {
			d, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, at, d)
			_ = forever(ctx)
			require.Equal(t, context.DeadlineExceeded, ctx.Err())
			require.Equal(t, scope.KindDeadline, scope.CauseOf(ctx).Kind)
			require.Same(t, scope.CauseOf(ctx), context.Cause(ctx))
			require.Equal(t, at, scope.CauseOf(ctx).At)
			return nil
		}, scope.Deadline(at))

		at = time.Now().Add(time.Second)
		_ = scope.Run(bg, func(ctx context.Context) error {
			_, ok := ctx.Deadline()
			require.False(t, ok)
			d, ok := scope.EffectiveDeadline(ctx)
			require.True(t, ok)
			require.Equal(t, at, d)
			err := forever(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, context.Canceled, ctx.Err())
			require.Equal(t, scope.KindDeadline, scope.CauseOf(ctx).Kind)
			return nil
		}, scope.MovableDeadline(at))
	})
}

// R19: they start counting on entry, compose to the earliest, and negative ones
// are in the past: the body begins all the same.
func TestDeadlinesCompose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scope.New(scope.Timeout(time.Minute), scope.Timeout(time.Second), nil)
		_, ok := s.Deadline()
		require.False(t, ok)
		time.Sleep(time.Hour)
		start := time.Now()
		require.ErrorIs(t, s.Run(bg, forever), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		d, _ := s.Deadline()
		require.Equal(t, start.Add(time.Second), d)

		began := false
		err := scope.FailAfter(bg, -1, func(ctx context.Context) error { began = true; return scope.Checkpoint(ctx) })
		require.True(t, began)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, scope.FailAt(bg, time.Time{}, sleep(time.Second)), "a zero time is none")

		start = time.Now()
		err = scope.FailAfter(bg, time.Second, func(ctx context.Context) error {
			return scope.FailAfter(ctx, time.Minute, func(ctx context.Context) error {
				d, _ := ctx.Deadline()
				require.Equal(t, start.Add(time.Second), d)
				return forever(ctx)
			}, scope.Name("inner"))
		}, scope.Name("outer"))
		require.Equal(t, "outer", causeIn(t, err).Scope)
	})
}

// R19: SetDeadline moves, takes away, cancels at once, and refuses.
func TestSetDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scope.New(scope.MovableDeadline(time.Time{}))
		require.NoError(t, s.SetDeadline(time.Now().Add(time.Minute)))
		start := time.Now()
		err := s.Run(bg, func(ctx context.Context) error {
			require.NoError(t, scope.Sleep(ctx, 30*time.Second))
			require.NoError(t, s.SetDeadline(time.Now().Add(time.Minute)))
			require.NoError(t, scope.Sleep(ctx, 59*time.Second))
			require.NoError(t, s.SetDeadline(time.Time{}))
			require.NoError(t, scope.Sleep(ctx, time.Hour))
			time.AfterFunc(time.Second, func() { _ = s.SetDeadline(time.Now().Add(-1)) })
			return forever(ctx)
		})
		require.Equal(t, scope.KindDeadline, causeIn(t, err).Kind)
		require.Equal(t, 90*time.Second+time.Hour, time.Since(start))
		require.Equal(t, scope.ErrClosed, s.SetDeadline(time.Now()))
		require.Equal(t, scope.ErrNotMovable, scope.New().SetDeadline(time.Now()))
		require.ErrorContains(t, scope.ErrNotMovable, "open it with MovableDeadline")
	})
}

// R19: EffectiveDeadline is the earliest, up to the nearest shield.
func TestEffectiveDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ok := scope.EffectiveDeadline(bg)
		require.False(t, ok)
		now := time.Now()
		near, far := now.Add(time.Minute), now.Add(time.Hour)
		_ = scope.Run(bg, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				d, _ := scope.EffectiveDeadline(ctx)
				require.Equal(t, near, d)
				inner := scope.New(scope.Shield(), scope.MovableDeadline(far.Add(1)))
				return inner.Run(ctx, func(ctx context.Context) error {
					d, _ := scope.EffectiveDeadline(ctx)
					require.Equal(t, far.Add(1), d)
					require.NoError(t, inner.Unshield())
					d, _ = scope.EffectiveDeadline(ctx)
					require.Equal(t, near, d)
					return nil
				})
			}, scope.Deadline(far))
		}, scope.MovableDeadline(near))
	})
}

// R20: a shield hides cancellation and deadlines from outside, and nothing else.
func TestShield(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithTimeout(context.WithValue(bg, key{}, 1), time.Second)
		defer cancel()
		start := time.Now()
		s := scope.New(scope.Shield())
		err := s.Run(ctx, func(ctx context.Context) error {
			_, ok := ctx.Deadline()
			require.False(t, ok)
			require.Equal(t, 1, ctx.Value(key{}))
			require.True(t, s.Shielded())
			require.NoError(t, scope.Sleep(ctx, time.Minute))
			timedOut, _ := scope.MoveOnAfter(ctx, time.Second, forever)
			require.True(t, timedOut, "those inside still act")
			s.Cancel(errWhy)
			return forever(ctx)
		})
		require.NoError(t, err)
		require.True(t, s.CancelCaught())
		require.Equal(t, time.Minute+time.Second, time.Since(start))
	})
}

// R20: Unshield while the outside is cancelled delivers at once, later if it is
// cancelled later, and wakes who sleeps inside.
func TestUnshield(t *testing.T) {
	for _, late := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			outer, s := scope.New(), scope.New(scope.Shield())
			start := time.Now()
			err := outer.Run(bg, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error {
					err := s.Run(ctx, func(ctx context.Context) error {
						scope.Go(ctx, forever)
						return forever(ctx)
					})
					require.Same(t, outer.Cause(), err)
					return err
				})
				synctest.Wait()
				if !late {
					outer.Cancel(errWhy)
				}
				time.Sleep(time.Second)
				require.NoError(t, s.Unshield())
				require.NoError(t, s.Unshield())
				require.False(t, s.Shielded())
				if late {
					time.Sleep(time.Second)
					outer.Cancel(errWhy)
				}
				return nil
			})
			require.NoError(t, err)
			require.False(t, s.CancelCaught())
			if !late {
				require.Equal(t, time.Second, time.Since(start))
			}
			require.Equal(t, scope.ErrClosed, s.Unshield())
			require.Equal(t, scope.ErrNotMovable, scope.New().Unshield())
		})
	}
}

// R20, R21: a shield or timeout of the spawner does not bind a task that it
// spawns into an outer scope; values come from the spawner.
func TestTaskTakesTheScopesPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{}
		outer := scope.New()
		start := time.Now()
		err := outer.Run(bg, func(ctx context.Context) error {
			ctx = context.WithValue(ctx, key{}, "v")
			_, _ = scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error {
					_, ok := ctx.Deadline()
					require.False(t, ok)
					require.Equal(t, "v", ctx.Value(key{}))
					require.Same(t, outer, scope.From(ctx))
					return scope.Sleep(ctx, time.Minute)
				}, scope.In(outer))
				return forever(ctx)
			})
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(start))

		outer = scope.New()
		start = time.Now()
		err = outer.Run(bg, func(ctx context.Context) error {
			_ = scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, forever, scope.In(outer))
				synctest.Wait()
				outer.Cancel(errWhy)
				return scope.Sleep(ctx, time.Second)
			}, scope.Shield())
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}
