package scope_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R34: a task's panic is raised again by Run, with value, task and the stack
// of the panic site, after everything was joined.
func TestR34_TaskPanic(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		joined := false
		start := time.Now()
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error {
					err := tkForever(ctx)
					time.Sleep(time.Second)
					joined = true
					return err
				})
				synctest.Wait()
				scope.Go(ctx, tkBoom, scope.Name("bad"))
				return tkForever(ctx)
			}, scope.Name("s"))
		})
		require.True(t, joined)
		require.Equal(t, time.Second, time.Since(start), "the scope was not cancelled at once")
		require.Equal(t, "boom", p.Value)
		require.Equal(t, "s/bad", p.Task)
		require.Contains(t, string(p.Stack), "tkPanicSite")
	})
}

// R34: so is a body's.
func TestR34_BodyPanic(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				c = scope.Go(ctx, tkForever)
				synctest.Wait()
				return tkBoom(ctx)
			})
		})
		require.Equal(t, "boom", p.Value)
		require.Equal(t, "", p.Task)
		require.Contains(t, string(p.Stack), "tkPanicSite")
		require.Equal(t, scope.KindBodyFailed, tkCanceled(t, c.Err()).Kind)
	})
}

// R34, R30: what a panic cancels is told so.
func TestR34_CauseOfPanic(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var c *scope.Child
		tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				c = scope.Go(ctx, tkForever)
				synctest.Wait()
				scope.Go(ctx, tkBoom, scope.Name("bad"))
				return nil
			}, scope.Name("s"))
		})
		cause := tkCanceled(t, c.Err())
		require.Equal(t, scope.KindTaskFailed, cause.Kind)
		require.Equal(t, "s/bad", cause.Task)
		var p *scope.PanicError
		require.ErrorAs(t, cause.Reason, &p)
	})
}

// R34: Run panics on its caller's goroutine, where a defer of the caller finds
// it.
func TestR34_CallersGoroutine(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		caller := tkGoroutine()
		var in string
		func() {
			defer func() {
				require.NotNil(t, recover())
				in = tkGoroutine()
			}()
			_ = scope.Run(tkBg, func(ctx context.Context) error { scope.Go(ctx, tkBoom); return nil })
		}()
		require.Equal(t, caller, in)
	})
}

// R34: Error carries the value and the stack.
func TestR34_ErrorHasTheStack(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error { scope.Go(ctx, tkBoom, scope.Name("bad")); return nil })
		})
		require.Contains(t, p.Error(), "boom")
		require.Contains(t, p.Error(), "bad")
		require.Contains(t, p.Error(), "tkPanicSite")
	})
}

// R34: no failure is lost: what failed before the panic, beside it and after
// it is found through the raised value.
func TestR34_FailuresBeside(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, tkFailAt(1*time.Second, tkErrA))
				scope.Go(ctx, func(ctx context.Context) error { tkDeaf(ctx, 2*time.Second); return tkBoom(ctx) })
				scope.Go(ctx, tkFailAt(3*time.Second, &tkError{3}))
				time.Sleep(4 * time.Second)
				return tkErrB
			})
		})
		require.Equal(t, "boom", p.Value)
		require.ErrorIs(t, p, tkErrA)
		require.ErrorIs(t, p, tkErrB)
		var coded *tkError
		require.ErrorAs(t, p, &coded)
	})
}

// R34: a second panic is not lost either.
func TestR34_TwoPanics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { panic(tkErrA) })
				<-ctx.Done()
				panic(tkErrB)
			})
		})
		require.Equal(t, tkErrA, p.Value)
		require.ErrorIs(t, p, tkErrA)
		require.ErrorIs(t, p, tkErrB)
	})
}

// R34: the same, when the value of neither panic is an error: both texts show.
func TestR34_TwoPanicsWithoutErrors(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { panic([]string{"first"}) })
				<-ctx.Done()
				panic([]string{"second"})
			})
		})
		require.Equal(t, []string{"first"}, p.Value)
		require.Contains(t, p.Error(), "second")
	})
}

// R34: a panicking error stays reachable.
func TestR34_PanicWithError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { panic(&tkError{5}) })
				return nil
			})
		})
		var coded *tkError
		require.ErrorAs(t, p, &coded)
		require.Equal(t, 5, coded.code)
	})
}

// R34: so is one of the runtime.
func TestR34_RuntimeError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error {
					var m map[string]int
					m["x"] = 1
					return nil
				})
				return nil
			})
		})
		var re runtime.Error
		require.ErrorAs(t, p, &re)
	})
}

// R34: panic(nil) is a panic.
func TestR34_PanicNil(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { panic(nil) })
				return nil
			})
		})
		var pn *runtime.PanicNilError
		require.ErrorAs(t, p, &pn)
	})
}

// R34: under PanicsAsErrors Run returns the panic as a failure, in its place
// among the others.
func TestR34_PanicsAsErrors(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, tkFailAt(time.Second, tkErrA))
			scope.Go(ctx, func(ctx context.Context) error { tkDeaf(ctx, 2*time.Second); panic(&tkError{6}) }, scope.Name("bad"))
			time.Sleep(3 * time.Second)
			return tkErrB
		}, scope.Name("s"), scope.PanicsAsErrors())
		e := tkScopeError(t, err)
		require.Len(t, e.Failures, 3)
		require.Equal(t, tkErrA, e.Failures[0].Err)
		require.Equal(t, "s/bad", e.Failures[1].Task)
		p, ok := e.Failures[1].Err.(*scope.PanicError)
		require.True(t, ok)
		require.Equal(t, "s/bad", p.Task)
		require.NotEmpty(t, p.Stack)
		require.Equal(t, tkErrB, e.Failures[2].Err)
		var coded *tkError
		require.ErrorAs(t, err, &coded)
	})
}

// R34: PanicsAsErrors covers the body.
func TestR34_BodyPanicAsError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, tkBoom, scope.PanicsAsErrors())
		var p *scope.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "", p.Task)
	})
}

// R31, R34: the task has failed, and waiting for it gives the panic.
func TestR34_WaitForPanickedTask(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkBoom)
			p, ok := c.Wait(ctx).(*scope.PanicError)
			require.True(t, ok)
			require.Equal(t, "boom", p.Value)
			require.Equal(t, scope.Failed, c.State())
			return nil
		}, scope.PanicsAsErrors())
	})
}

// R34: a panic goes up through nested scopes, each joined, and stays the one of
// the first site.
func TestR34_Nested(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var order []string
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error {
					err := tkForever(ctx)
					order = append(order, "outer sibling")
					return err
				})
				scope.Go(ctx, func(ctx context.Context) error {
					return scope.Run(ctx, func(ctx context.Context) error {
						scope.Go(ctx, func(ctx context.Context) error {
							err := tkForever(ctx)
							time.Sleep(time.Second)
							order = append(order, "inner sibling")
							return err
						})
						synctest.Wait()
						scope.Go(ctx, tkBoom, scope.Name("deep"))
						return nil
					}, scope.Name("inner"))
				}, scope.Name("t"))
				return nil
			}, scope.Name("outer"))
		})
		require.Equal(t, []string{"inner sibling", "outer sibling"}, order)
		require.Equal(t, "boom", p.Value)
		require.Equal(t, "outer/t/inner/deep", p.Task)
		require.Contains(t, string(p.Stack), "tkPanicSite")
	})
}

// R34: what failed beside a panic in an inner scope is found in the outer one,
// together with what failed there.
func TestR34_NestedFailuresBeside(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		p := tkPanic(t, func() {
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, tkFailAt(time.Minute, tkErrB))
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, tkFailAt(time.Second, tkErrA))
					synctest.Wait() // both run
					scope.Go(ctx, tkBoom)
					return nil
				})
			})
		})
		require.Equal(t, "boom", p.Value)
		require.ErrorIs(t, p, tkErrA)
		require.ErrorIs(t, p, tkErrB)
	})
}

// R34: an inner scope with PanicsAsErrors keeps the panic from the outer one.
func TestR34_InnerAsError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, tkBoom, scope.PanicsAsErrors())
			})
			return nil
		})
		var p *scope.PanicError
		require.ErrorAs(t, err, &p)
	})
}

// R34: an outer scope with PanicsAsErrors takes what an inner one raises.
func TestR34_OuterAsError(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		err := scope.Run(tkBg, func(ctx context.Context) error {
			return scope.Run(ctx, func(ctx context.Context) error { scope.Go(ctx, tkBoom); return nil })
		}, scope.PanicsAsErrors())
		var p *scope.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "boom", p.Value)
	})
}

// R34: also a panic in the clean-up after a cancellation is raised.
func TestR34_PanicInCleanUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := scope.New()
		p := tkPanic(t, func() {
			_ = s.Run(tkBg, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error { _ = tkForever(ctx); return tkBoom(ctx) })
				synctest.Wait()
				s.Cancel(nil)
				return nil
			})
		})
		require.Equal(t, "boom", p.Value)
	})
}

// R34: every way to open a scope raises.
func TestR34_EveryOpening(t *testing.T) {
	testkit.Guard(t)
	bad := func(ctx context.Context) error { scope.Go(ctx, tkBoom); return nil }
	for name, open := range map[string]func(){
		"MoveOnAfter": func() { _, _ = scope.MoveOnAfter(tkBg, time.Hour, bad) },
		"MoveOnAt":    func() { _, _ = scope.MoveOnAt(tkBg, time.Now().Add(time.Hour), bad) },
		"FailAfter":   func() { _ = scope.FailAfter(tkBg, time.Hour, bad) },
		"FailAt":      func() { _ = scope.FailAt(tkBg, time.Now().Add(time.Hour), bad) },
		"Shielded":    func() { _ = scope.Shielded(tkBg, time.Hour, bad) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tkPanic(t, open) })
		})
	}
}

// R35: a Goexit in a task is a failure; its defers have run, nothing hangs.
func TestR35_TaskGoexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		deferred := false
		var c, sibling *scope.Child
		err := scope.Run(tkBg, func(ctx context.Context) error {
			sibling = scope.Go(ctx, tkForever)
			c = scope.Go(ctx, func(ctx context.Context) error {
				defer func() { deferred = true }()
				return tkExit(ctx)
			}, scope.Name("bad"))
			return nil
		}, scope.Name("s"))
		e := tkScopeError(t, err)
		require.Equal(t, []error{scope.ErrGoexit}, tkFailures(t, err))
		require.Equal(t, "s/bad", e.Failures[0].Task)
		require.True(t, deferred)
		require.Equal(t, scope.Failed, c.State())
		require.Equal(t, scope.ErrGoexit, c.Err())
		require.Equal(t, scope.KindTaskFailed, tkCanceled(t, sibling.Err()).Kind)
	})
}

// R35: a waiter of such a task gets the error.
func TestR35_WaiterOfGoexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			require.Equal(t, scope.ErrGoexit, scope.Go(ctx, func(ctx context.Context) error {
				time.Sleep(time.Second)
				return tkExit(ctx)
			}).Wait(ctx))
			return nil
		})
	})
}

// R35: a Goexit in the body joins everything and then goes on through the
// caller; Run does not return.
func TestR35_BodyGoexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var joined, returned, joinedFirst bool
		var c *scope.Child
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			defer func() { joinedFirst = joined }()
			_ = scope.Run(tkBg, func(ctx context.Context) error {
				c = scope.Go(ctx, func(ctx context.Context) error {
					err := tkForever(ctx)
					time.Sleep(time.Minute)
					joined = true
					return err
				})
				synctest.Wait()
				return tkExit(ctx)
			})
			returned = true
		}()
		<-exited
		require.True(t, joinedFirst)
		require.False(t, returned)
		require.Equal(t, scope.KindBodyFailed, tkCanceled(t, c.Err()).Kind)
	})
}

// R35: the body of an inner scope that exits takes its task along, which fails
// the outer scope.
func TestR35_InnerBodyGoexit(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var inner *scope.Child
		err := scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					inner = scope.Go(ctx, tkForever)
					synctest.Wait()
					return tkExit(ctx)
				})
			})
			return nil
		})
		require.Equal(t, []error{scope.ErrGoexit}, tkFailures(t, err))
		require.Equal(t, scope.Canceled, inner.State())
	})
}

// R35: goroutines that exit do not use up whatever runs the tasks.
func TestR35_ManyGoexits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var exits atomic.Int32
		ran := 0
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			for range 100 {
				<-scope.Go(ctx, tkExit).Done()
				if err := scope.Go(ctx, func(context.Context) error { ran++; return nil }).Wait(ctx); err != nil {
					return err
				}
			}
			return nil
		}, scope.Supervise(func(err error) {
			require.True(t, errors.Is(err, scope.ErrGoexit))
			exits.Add(1)
		})))
		require.EqualValues(t, 100, exits.Load())
		require.Equal(t, 100, ran)
	})
}

// R34, R26: a panic goes through many scopes with the stack of its site, which is
// taken once.
func TestR34_StackIsTakenOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := capture.Call(bg, capture.Func(func(ctx context.Context) error { return scope.Run(ctx, tkBoom) })).Panic
		outer := capture.Call(bg, capture.Func(func(context.Context) error { panic(inner.Value) })).Panic
		require.Same(t, inner.Value, outer.Value)
		require.Contains(t, string(inner.Stack), "tkPanicSite")
		require.Same(t, &inner.Stack[0], &outer.Stack[0])
		require.Same(t, &inner.Stack[0], &inner.Value.(*scope.PanicError).Stack[0]) //nolint:errorlint // that value itself
	})
}
