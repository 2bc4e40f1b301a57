package scope_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// seeds is under how many schedules each of these tests runs; CORRAL_SEEDS sets
// another number.
const seeds = 1000

// schedules runs body under seeds schedules, with what varies by the seed.
func schedules(t *testing.T, body func(t *testing.T, ctx context.Context, r *rand.Rand)) {
	t.Helper()
	testkit.Guard(t)
	testkit.Schedules(t, seeds, func(t *testing.T, ctx context.Context) error {
		body(t, ctx, rand.New(rand.NewPCG(testkit.Seed(ctx), 1)))
		return nil
	})
}

// beside runs fns as tasks of a scope around s, so that what they do to s
// happens beside it: each but the first at some moment of its life.
func beside(ctx context.Context, r *rand.Rand, fns ...fn) error {
	return scope.Run(ctx, func(ctx context.Context) error {
		for i, f := range fns {
			moment := time.Duration(i * r.IntN(lifetime))
			scope.Go(ctx, func(ctx context.Context) error {
				time.Sleep(moment)
				return f(ctx)
			})
		}
		return nil
	}, scope.Name("beside"))
}

// lifetime is about how long a small scope lives, in nanoseconds of a schedule.
const lifetime = 8000

// spawned is one task that somebody tried to spawn, and what became of it.
type spawned struct {
	mu     sync.Mutex // guards c
	c      *scope.Child
	ran    atomic.Bool
	joined atomic.Bool
}

func (s *spawned) spawn(ctx context.Context, in *scope.Scope, f fn) {
	c := scope.Go(ctx, func(ctx context.Context) error {
		s.ran.Store(true)
		defer s.joined.Store(true)
		return f(ctx)
	}, scope.In(in))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c = c
}

// child is nil before spawn has returned.
func (s *spawned) child() *scope.Child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c
}

// settled checks I1 and I2 after the scope has ended.
func (s *spawned) settled(t *testing.T) {
	t.Helper()
	require.GreaterOrEqual(t, s.c.State(), scope.Succeeded)
	require.Equal(t, s.ran.Load(), s.joined.Load(), "joined")
	switch err := s.c.Err(); {
	case errors.Is(err, scope.ErrClosed):
		require.False(t, s.ran.Load(), "refused, and ran")
		require.Equal(t, scope.Failed, s.c.State())
	case s.c.State() == scope.Succeeded:
		require.True(t, s.ran.Load())
	}
}

// I1, I2, R36: who spawns into a scope that is ending is either let in and
// joined, or refused.
func TestSchedulesOfAdmission(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		s := scope.New(scope.Name("s"))
		var all [4]spawned
		pause := r.IntN(2) == 0
		var fns []fn
		fns = append(fns, func(ctx context.Context) error {
			err := s.Run(ctx, func(ctx context.Context) error {
				if pause {
					return scope.Checkpoint(ctx)
				}
				return nil
			})
			for i := range all {
				require.Equal(t, all[i].ran.Load(), all[i].joined.Load(), "Run returned before its task")
			}
			return err
		})
		for i := range all {
			fns = append(fns, func(ctx context.Context) error {
				all[i].spawn(ctx, s, scope.Checkpoint)
				return nil
			})
		}
		require.NoError(t, beside(ctx, r, fns...))
		for i := range all {
			all[i].settled(t)
		}
	})
}

// I5, R11, R37: cancelling a scope ends everything in it at once, also what is
// being spawned, and what has not begun does not begin.
func TestSchedulesOfCancel(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		begun := time.Now()
		s := scope.New(scope.Name("s"))
		var all [3]spawned
		inner := r.IntN(2) == 0
		oneByOne := r.IntN(2) == 0
		err := beside(ctx, r,
			func(ctx context.Context) error {
				return s.Run(ctx, func(ctx context.Context) error {
					for i := range all {
						all[i].spawn(ctx, s, func(ctx context.Context) error {
							if inner {
								return scope.Run(ctx, func(ctx context.Context) error {
									scope.Go(ctx, forever)
									return nil
								})
							}
							return forever(ctx)
						})
					}
					if oneByOne {
						return nil
					}
					return forever(ctx)
				})
			},
			func(context.Context) error {
				for i := range all {
					if c := all[i].child(); oneByOne && c != nil {
						c.Cancel(errBoom)
						_ = c.Wait(ctx) // it was cancelled, and ends
					}
				}
				s.Cancel(errWhy)
				return nil
			},
			func(context.Context) error {
				if !oneByOne {
					s.Cancel(errBoom)
				}
				return nil
			},
		)
		require.NoError(t, err, "caught")
		require.Less(t, time.Since(begun), time.Second, "at once")
		if !oneByOne {
			require.True(t, s.CancelCaught())
		}
		for i := range all {
			if all[i].c == nil {
				continue // cancelled before
			}
			all[i].settled(t)
			if inner && all[i].c.State() == scope.Succeeded {
				continue // what it had spawned had not begun: nothing was ended in it
			}
			require.Equal(t, scope.Canceled, all[i].c.State())
			if !oneByOne {
				require.Same(t, s.Cause(), all[i].c.Err(), "one cause")
			}
		}
	})
}

// R13: of two scopes that are cancelled at once, one catches.
func TestSchedulesOfNestedCancels(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		outer, inner := scope.New(scope.Name("outer")), scope.New(scope.Name("inner"))
		var passed error
		outerFirst := false
		err := beside(ctx, r,
			func(ctx context.Context) error {
				return outer.Run(ctx, func(ctx context.Context) error {
					passed = inner.Run(ctx, func(inside context.Context) error {
						err := forever(inside)
						outerFirst = ctx.Err() != nil
						return err
					})
					return passed
				})
			},
			func(context.Context) error { outer.Cancel(errWhy); return nil },
			func(context.Context) error { inner.Cancel(errBoom); return nil },
		)
		require.NoError(t, err)
		require.True(t, outer.CancelCalled())
		require.True(t, inner.CancelCalled())
		require.Equal(t, passed == nil, inner.CancelCaught())
		require.False(t, outerFirst && inner.CancelCaught(), "the outer one is to catch")
		if outer.CancelCaught() {
			require.ErrorIs(t, passed, errWhy)
		}
	})
}

// R10: a scope that somebody else has opened in the body of another, with its
// ctx, ends before that does, or is a root of its own.
func TestSchedulesOfStrangers(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		s := scope.New(scope.Name("s"))
		lent := make(chan context.Context, 1)
		var inside atomic.Bool
		err := beside(ctx, r,
			func(ctx context.Context) error {
				err := s.Run(ctx, func(ctx context.Context) error {
					lent <- ctx
					return scope.Checkpoint(ctx)
				})
				require.False(t, inside.Load(), "Run returned before what was inside")
				return err
			},
			func(context.Context) error {
				return scope.Run(<-lent, func(ctx context.Context) error {
					inside.Store(strings.HasPrefix(scope.From(ctx).Path(), s.Path()+"/"))
					_ = scope.Checkpoint(ctx)
					inside.Store(false)
					return nil
				})
			},
		)
		require.NoError(t, err)
	})
}

// R43: Background tasks are cancelled when the others have ended, and joined.
func TestSchedulesOfBackground(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		s := scope.New(scope.Name("s"))
		var back, front spawned
		err := beside(ctx, r,
			func(ctx context.Context) error {
				err := s.Run(ctx, func(ctx context.Context) error {
					back.c = scope.Go(ctx, func(ctx context.Context) error {
						back.ran.Store(true)
						defer back.joined.Store(true)
						err := forever(ctx)
						_ = scope.Checkpoint(ctx)
						return err
					}, scope.Background())
					return scope.Checkpoint(ctx)
				})
				require.Equal(t, back.ran.Load(), back.joined.Load(), "Run returned before its task")
				return err
			},
			func(ctx context.Context) error { front.spawn(ctx, s, scope.Checkpoint); return nil },
		)
		require.NoError(t, err)
		back.settled(t)
		front.settled(t)
		require.False(t, s.CancelCalled())
	})
}

// R45: never more than the limit at once, whoever is cancelled in line.
func TestSchedulesOfLimit(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		const limit = 2
		s := scope.New(scope.Name("s"), scope.Limit(limit))
		var running, most atomic.Int32
		var all [5]spawned
		work := func(ctx context.Context) error {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			return scope.Checkpoint(ctx)
		}
		stopAll := r.IntN(3) == 0
		victim := r.IntN(len(all))
		moment := time.Duration(r.IntN(lifetime))
		err := s.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error { // from a task: does not wait
				for i := range all {
					all[i].spawn(ctx, s, work)
				}
				return nil
			})
			scope.Go(ctx, func(context.Context) error {
				time.Sleep(moment)
				if stopAll {
					s.Cancel(errWhy)
				} else if c := all[victim].child(); c != nil {
					c.Cancel(errBoom)
				}
				return nil
			}, scope.Background())
			return nil
		})
		require.NoError(t, err)
		require.LessOrEqual(t, most.Load(), int32(limit))
		require.Zero(t, running.Load())
		for i := range all {
			if all[i].c != nil {
				all[i].settled(t)
			}
		}
	})
}

// R25, R36: a graceful shutdown tells everybody, cancels after its grace and not
// before, and loses no task that comes meanwhile.
func TestSchedulesOfShutdown(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		const grace = time.Minute
		s := scope.New(scope.Name("s"))
		stubborn := r.IntN(2) == 0
		var told atomic.Int32
		var all [3]spawned
		begun := time.Now()
		polite := func(ctx context.Context) error {
			select {
			case <-scope.Stopping(ctx):
				told.Add(1)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := beside(ctx, r,
			func(ctx context.Context) error {
				return s.Run(ctx, func(ctx context.Context) error {
					for i := range all {
						all[i].spawn(ctx, s, func(ctx context.Context) error { return scope.Run(ctx, polite) })
					}
					if stubborn {
						return forever(ctx)
					}
					return nil
				})
			},
			func(context.Context) error { s.Shutdown(errWhy, grace); return nil },
			func(context.Context) error { s.Shutdown(errBoom, 2*grace); return nil },
		)
		require.NoError(t, err)
		require.EqualValues(t, len(all), told.Load())
		for i := range all {
			all[i].settled(t)
		}
		require.Equal(t, stubborn, s.CancelCalled())
		took := time.Since(begun)
		if !stubborn {
			require.Less(t, took, time.Second)
			return
		}
		require.InDelta(t, grace.Seconds(), took.Seconds(), 0.1, "not prolonged by the second call, which may have been the first")
		require.Equal(t, scope.KindShutdown, causeIn(t, s.Cause()).Kind)
	})
}

// R31, I7: the failure of a task reaches who waits for it as what it is, and the
// scope with all others, whatever comes first.
func TestSchedulesOfFailure(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, _ *rand.Rand) {
		var seen error
		asked := false
		err := scope.Run(ctx, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Checkpoint(ctx)
				return errBoom
			})
			scope.Go(ctx, func(ctx context.Context) error {
				asked = true
				seen = c.Wait(ctx)
				return seen
			})
			scope.Go(ctx, forever)
			return forever(ctx)
		})
		if asked { // it began
			require.Equal(t, errBoom, seen, "the failure, not the cancellation")
		}
		failures := failuresOf(t, err)
		require.Len(t, failures, 1, "listed once")
		require.Equal(t, errBoom, failures[0].Err)
	})
}

// R19, R20: a movable deadline and a shield that is taken away, against the end.
func TestSchedulesOfDeadlines(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		due := time.Now().Add(time.Minute)
		s := scope.New(scope.Name("s"), scope.MovableDeadline(due), scope.Shield(), scope.MoveOn())
		outer := scope.New(scope.Name("outer"))
		unshield := r.IntN(2) == 0
		err := beside(ctx, r,
			func(ctx context.Context) error {
				return outer.Run(ctx, func(ctx context.Context) error { return s.Run(ctx, forever) })
			},
			func(context.Context) error { outer.Cancel(errWhy); return nil },
			func(context.Context) error {
				if unshield {
					return s.Unshield()
				}
				return s.SetDeadline(time.Now())
			},
		)
		require.NoError(t, err)
		require.Less(t, time.Since(due), -time.Second, "at once")
		require.Equal(t, !unshield, s.CancelCalled())
		require.Equal(t, unshield, outer.CancelCaught())
	})
}

// R81: a scope that somebody opens with the ctx of a task, or of a body, that is
// just ending stands in it, or in a trace of its own: its span never outlives
// the one it is in. The recorder holds that.
func TestSchedulesOfLodgers(t *testing.T) {
	schedules(t, func(t *testing.T, ctx context.Context, r *rand.Rand) {
		ctx = testkit.NewRecorder(t).Context(ctx)
		moments := [3]time.Duration{time.Duration(r.IntN(4000)), time.Duration(r.IntN(4000)), time.Duration(r.IntN(4000))}
		inBody := r.IntN(2) == 0
		lent := make(chan context.Context, 1)
		lend := func(ctx context.Context) error { lent <- ctx; time.Sleep(moments[0]); return nil }
		require.NoError(t, scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				theirs := <-lent
				time.Sleep(moments[1])
				return scope.Run(theirs, func(context.Context) error { time.Sleep(moments[2]); return nil }, scope.Name("lodger"))
			})
			if inBody {
				return scope.Run(ctx, lend, scope.Name("lender"))
			}
			scope.Go(ctx, lend, scope.Name("lender"))
			return nil
		}))
	})
}
