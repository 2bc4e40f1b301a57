package scope_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
)

// short opens and ends a scope in which nothing waits, and returns the kind of
// its cancellation; 0 if there was none.
func short(t *testing.T, ctx context.Context) scope.Kind { //nolint:revive // t comes first in tests
	t.Helper()
	s := scope.New()
	require.NoError(t, s.Run(ctx, func(context.Context) error { return nil }))
	if s.Cause() == nil {
		return 0
	}
	return causeIn(t, s.Cause()).Kind
}

// R13: what the end of one scope has seen of the deadlines around it does not
// hide from the next that one of them has changed, and counts from its instant:
// it was moved nearer, moved away, or was behind a shield.
func TestDeadlinesAroundChange(t *testing.T) {
	hour := func() scope.Option { return scope.MovableDeadline(time.Now().Add(time.Hour)) }
	for name, test := range map[string]struct {
		inner  scope.Option
		change func(outer, inner *scope.Scope)
	}{
		"nearer": {hour(), func(outer, _ *scope.Scope) {
			_ = outer.SetDeadline(time.Now())
		}},
		"nearer inside": {hour(), func(_, inner *scope.Scope) {
			_ = inner.SetDeadline(time.Now())
		}},
		"away and nearer": {hour(), func(outer, _ *scope.Scope) {
			_ = outer.SetDeadline(time.Now().Add(2 * time.Hour))
			_ = outer.SetDeadline(time.Now())
		}},
		"none and nearer": {hour(), func(outer, _ *scope.Scope) {
			_ = outer.SetDeadline(time.Time{})
			_ = outer.SetDeadline(time.Now())
		}},
		"away": {scope.MovableDeadline(time.Time{}), func(outer, _ *scope.Scope) {
			_ = outer.SetDeadline(time.Now().Add(2 * time.Hour))
			time.Sleep(2 * time.Hour) // until the same instant
		}},
		"unshield": {scope.Shield(), func(outer, inner *scope.Scope) {
			_ = outer.SetDeadline(time.Now().Add(time.Second))
			_ = inner.Unshield()
			time.Sleep(time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 { // the timer may come first
				bubble(t, func(t *testing.T) {
					outer, inner := scope.New(hour(), scope.MoveOn()), scope.New(test.inner)
					_ = outer.Run(bg, func(ctx context.Context) error {
						return inner.Run(ctx, func(ctx context.Context) error {
							require.Zero(t, short(t, ctx))
							require.Zero(t, short(t, ctx))
							test.change(outer, inner)
							require.Equal(t, scope.KindDeadline, short(t, ctx))
							return nil
						})
					})
				})
			}
		})
	}
}

// R13: a deadline that was moved away cancels nothing at the instant it was at.
func TestDeadlineAroundMovedAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		outer := scope.New(scope.MovableDeadline(time.Now().Add(time.Second)))
		require.NoError(t, outer.Run(bg, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				require.Zero(t, short(t, ctx))
				require.NoError(t, outer.SetDeadline(time.Now().Add(time.Hour)))
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Zero(t, short(t, ctx))
				return nil
			}, scope.MovableDeadline(time.Time{}))
		}))
		require.False(t, outer.CancelCalled())
	})
}
