package scope_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R36: while the scope runs anybody in it may spawn, also while the body waits
// at the exit; into a cancelled one nothing runs.
func TestAdmission(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ran := false
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, time.Second)
				scope.Go(ctx, func(context.Context) error { ran = true; return nil })
				return nil
			})
			return nil
		}))
		require.True(t, ran)

		s := scope.New()
		require.NoError(t, s.Run(bg, func(ctx context.Context) error {
			s.Cancel(errWhy)
			c := scope.Go(ctx, func(context.Context) error { t.Error("must not run"); return nil })
			require.Equal(t, scope.Canceled, c.State())
			require.Same(t, s.Cause(), c.Err())
			require.Same(t, s.Cause(), c.Wait(ctx))
			<-c.Done()
			return nil
		}))
		c := scope.Go(bg, func(context.Context) error { t.Error("must not run"); return nil }, scope.In(s))
		require.Equal(t, scope.ErrClosed, c.Err())
		c = scope.Go(bg, forever, scope.In(scope.New()))
		require.Equal(t, scope.ErrClosed, c.Err(), "nor into one that was not run")
	})
}

// R37: cancelled before it began, it never begins.
func TestNeverBegins(t *testing.T) {
	testkit.Guard(t)
	for range 100 {
		var c *scope.Child
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			began := false
			c = scope.Go(ctx, func(context.Context) error { began = true; return nil })
			canceled := c.Cancel(errWhy)
			err := c.Wait(ctx)
			if canceled && !began {
				require.ErrorIs(t, err, errWhy)
				require.Equal(t, scope.Canceled, c.State())
			} else {
				require.True(t, began)
			}
			return nil
		}))
	}
}

// R38: a value beats a cancel request.
func TestValueBeatsCancel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error { _ = forever(ctx); return nil })
			synctest.Wait()
			require.True(t, c.Cancel(errWhy))
			require.NoError(t, c.Wait(ctx))
			require.Equal(t, scope.Succeeded, c.State())
			return nil
		}))
	})
}

// R39: Cancel of one task touches nothing else, unless Raise.
func TestCancelOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scope.New(scope.Name("s"))
		err := s.Run(bg, func(ctx context.Context) error {
			other := scope.Go(ctx, sleep(time.Second))
			c := scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, forever)
					return forever(ctx)
				})
			}, scope.Name("c"))
			synctest.Wait()
			require.True(t, c.Cancel(errWhy))
			require.False(t, c.Cancel(errBoom), "the first cause wins")
			e := causeIn(t, c.Wait(ctx))
			require.Equal(t, errWhy, e.Reason)
			require.Equal(t, scope.Canceled, c.State())
			require.False(t, c.Cancel(errBoom))
			require.NoError(t, other.Wait(ctx))
			require.NoError(t, ctx.Err())
			return nil
		})
		require.NoError(t, err)
		require.False(t, s.CancelCaught())

		var c *scope.Child
		err = scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, forever)
			c = scope.Go(ctx, forever, scope.Name("c"))
			synctest.Wait()
			require.True(t, c.Cancel(errWhy, scope.Raise()))
			return forever(ctx)
		}, scope.Name("s"))
		failures := failuresOf(t, err)
		require.Len(t, failures, 1)
		require.Equal(t, "s/c", failures[0].Task)
		require.Same(t, c.Err(), failures[0].Err)
		require.Equal(t, scope.Canceled, c.State())
	})
}

// R41, R42: done means done; Canceling until the clean-up is over.
func TestStates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				err := forever(ctx)
				time.Sleep(time.Second)
				return err
			})
			require.LessOrEqual(t, c.State(), scope.Running) // it may have begun on another thread
			require.NoError(t, c.Err())
			synctest.Wait()
			require.Equal(t, scope.Running, c.State())
			c.Cancel(nil)
			synctest.Wait()
			require.Equal(t, scope.Canceling, c.State())
			require.NoError(t, c.Err())
			select {
			case <-c.Done():
				t.Error("done before the clean-up was over")
			default:
			}
			_ = c.Wait(ctx)
			require.Equal(t, scope.Canceled, c.State())
			<-c.Done()
			return nil
		}))
	})
	require.Equal(t, "canceling", scope.Canceling.String())
	require.Equal(t, "unknown", scope.State(99).String())
}

// R43: background tasks are cancelled when all else has ended, and joined.
func TestBackground(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		s := scope.New()
		var kept, stopped *scope.Child
		err := s.Run(bg, func(ctx context.Context) error {
			kept = scope.Go(ctx, func(context.Context) error { return nil }, scope.Background())
			stopped = scope.Go(ctx, func(ctx context.Context) error {
				err := forever(ctx)
				require.Equal(t, 2*time.Second, time.Since(start))
				time.Sleep(time.Second)
				return err
			}, scope.Background())
			scope.Go(ctx, sleep(2*time.Second))
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, scope.Succeeded, kept.State())
		require.Equal(t, scope.KindScopeDone, causeIn(t, stopped.Err()).Kind)
		require.Nil(t, s.Cause())
		require.False(t, s.CancelCalled())

		err = scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, func(context.Context) error { return errBoom }, scope.Background())
			return forever(ctx)
		})
		require.ErrorIs(t, err, errBoom, "one that fails before fails the scope")
	})
}

// R44: the end of the Main task ends the scope.
func TestMainTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		s := scope.New()
		err := s.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, forever)
			scope.Go(ctx, sleep(time.Second), scope.Main())
			return forever(ctx)
		})
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, scope.KindScopeDone, causeIn(t, s.Cause()).Kind)
		require.True(t, s.CancelCaught())
	})
}

// R45: at most n at once; from the body spawning waits, first come first
// served, and from inside it does not; background tasks do not count.
func TestLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		var order []string
		work := func(name string) fn {
			return func(ctx context.Context) error {
				order = append(order, name)
				return scope.Sleep(ctx, time.Second)
			}
		}
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			scope.Go(ctx, forever, scope.Background())
			scope.Go(ctx, func(ctx context.Context) error {
				order = append(order, "a")
				c := scope.Go(ctx, work("b"))
				require.Zero(t, time.Since(start), "does not wait")
				_ = scope.Sleep(ctx, 1)
				require.Equal(t, scope.Pending, c.State())
				return scope.Sleep(ctx, time.Second-1)
			})
			synctest.Wait()
			scope.Go(ctx, work("c"))
			require.Equal(t, 2*time.Second, time.Since(start), "waits behind b")
			scope.Go(ctx, work("d"))
			require.Equal(t, 3*time.Second, time.Since(start))
			return nil
		}, scope.Limit(1)))
		require.Equal(t, "abcd", strings.Join(order, ""))
	})
}

// R45: waiting for a turn is cancellable, and who stands in line is done at
// once when it, or the scope, is cancelled.
func TestLimitCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scope.New(scope.Limit(1))
		start := time.Now()
		require.NoError(t, s.Run(bg, func(ctx context.Context) error {
			var line []*scope.Child
			scope.Go(ctx, func(ctx context.Context) error {
				for range 3 {
					line = append(line, scope.Go(ctx, forever))
				}
				_ = forever(ctx)
				tkDeaf(ctx, time.Second)
				return ctx.Err()
			})
			synctest.Wait()
			timedOut, err := scope.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				c := scope.Go(ctx, forever, scope.In(s))
				require.Equal(t, scope.Canceled, c.State())
				require.Equal(t, scope.KindDeadline, causeIn(t, c.Err()).Kind)
				return c.Err()
			})
			require.True(t, timedOut)
			require.NoError(t, err)

			require.True(t, line[1].Cancel(errWhy))
			synctest.Wait()
			require.ErrorIs(t, line[1].Err(), errWhy)
			require.Equal(t, scope.Pending, line[2].State())
			time.AfterFunc(time.Second, func() { s.Cancel(errBoom) })
			c := scope.Go(ctx, forever) // waits until the scope is cancelled
			require.Equal(t, 2*time.Second, time.Since(start))
			require.Same(t, s.Cause(), c.Err())
			synctest.Wait()
			require.Same(t, s.Cause(), line[2].Err(), "although the running one has not ended")
			return nil
		}))
	})
}

// R47: waiting for oneself, or for a task one runs inside of.
func TestSelfWait(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		var c *scope.Child
		set := make(chan struct{})
		c = scope.Go(ctx, func(ctx context.Context) error {
			<-set
			require.ErrorContains(t, c.Wait(ctx), "waits for itself")
			return scope.Run(ctx, func(ctx context.Context) error {
				return scope.Go(ctx, func(ctx context.Context) error {
					require.ErrorContains(t, c.Wait(ctx), "waits for itself")
					return nil
				}).Wait(ctx)
			})
		})
		close(set)
		return c.Wait(ctx)
	}))
}

type worker struct{}

func (*worker) method(context.Context) error { return nil }

func named(context.Context) error { return nil }

// R48: names are given or derived; paths join them.
func TestNames(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		require.Equal(t, "named", scope.Go(ctx, named).Name())
		require.Equal(t, "worker.method", scope.Go(ctx, new(worker).method).Name())
		require.Equal(t, "TestNames.func1.1", scope.Go(ctx, func(context.Context) error { return nil }).Name())
		require.Equal(t, "given", scope.Go(ctx, named, scope.Name("given")).Name())
		require.Equal(t, "a", scope.From(ctx).Path())
		return scope.Go(ctx, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error {
				require.Equal(t, "a/t/b", scope.From(ctx).Path())
				require.Equal(t, "t", scope.TaskFrom(ctx).Name())
				return nil
			}, scope.Name("b"))
		}, scope.Name("t")).Wait(ctx)
	}, scope.Name("a")))
	require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
		require.Equal(t, "TestNames.func2", scope.From(ctx).Name())
		require.Nil(t, scope.TaskFrom(ctx))
		return nil
	}))
	require.Nil(t, scope.From(bg))
	var deep func(ctx context.Context, n int) error
	deep = func(ctx context.Context, n int) error {
		if n == 0 {
			path := scope.From(ctx).Path()
			require.Len(t, strings.Split(path, "/"), 16+1+48)
			require.Contains(t, path, "/…/")
			return nil
		}
		return scope.Run(ctx, func(ctx context.Context) error { return deep(ctx, n-1) }, scope.Name("x"))
	}
	require.NoError(t, deep(bg, 100))
}

// R46, R90: programming errors panic with a message that says what to do.
func TestProgrammingErrors(t *testing.T) {
	testkit.Guard(t)
	var none context.Context
	for want, f := range map[string]func(){
		"scope: Run with a nil ctx: pass context.Background() at the root of a program":         func() { _ = scope.Run(none, named) },
		"scope: Run with a nil body: pass the function to run":                                  func() { _ = scope.Run(bg, nil) },
		"scope: Run on a nil *Scope: make one with scope.New":                                   func() { _ = (*scope.Scope)(nil).Run(bg, named) },
		"scope: Go with a nil function: pass the function to run":                               func() { scope.Go(bg, nil) },
		"scope: Go with a nil ctx: pass the ctx of a scope.Run body or of a task":               func() { scope.Go(none, named) },
		"scope: Limit(-1): at least one task must be able to run; leave Limit out for no limit": func() { scope.Limit(-1) },
		"scope: Limit(0): at least one task must be able to run; leave Limit out for no limit":  func() { scope.Limit(0) },
	} {
		require.PanicsWithValue(t, want, f)
	}
	for _, f := range []func(){
		func() { _ = scope.Sleep(none, 1) }, func() { _ = scope.Checkpoint(none) }, func() { _ = new(scope.Child).Wait(none) },
	} {
		func() {
			defer func() { require.Contains(t, recover(), "scope: ") }()
			f()
		}()
	}
	require.PanicsWithValue(t, scope.ErrNoScope, func() { scope.Go(bg, named) })
	require.EqualError(t, scope.ErrNoScope, "scope: ctx carries no scope: pass the ctx of a scope.Run body or of a task, or say which scope with scope.In(s)")
	require.EqualError(t, scope.ErrInUse, "scope: Run was called twice on one Scope: a scope runs once, make a new one")
	require.ErrorContains(t, scope.ErrClosed, "scope: the scope has ended")
	err := scope.Run(bg, func(ctx context.Context) error {
		scope.Go(ctx, named, scope.Main(), scope.Background())
		return nil
	}, scope.PanicsAsErrors())
	require.ErrorContains(t, err, "a task cannot be Main and Background")
}
