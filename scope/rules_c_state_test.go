package scope_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// R41: Done closes and State becomes final only when the function has
// returned, defers included.
func TestR41_AfterCleanUp(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				defer time.Sleep(time.Minute)
				return tkForever(ctx)
			})
			synctest.Wait()
			c.Cancel(nil)
			synctest.Wait() // in its defer
			require.Equal(t, scope.Canceling, c.State())
			require.False(t, tkClosed(c.Done()))
			require.NoError(t, c.Err())
			time.Sleep(2 * time.Minute)
			require.True(t, tkClosed(c.Done()))
			require.Equal(t, scope.Canceled, c.State())
			return nil
		}))
	})
}

// R41, R10: nor before the scopes inside the task are joined.
func TestR41_AfterInnerScopes(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			var inner *scope.Child
			c := scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					inner = scope.Go(ctx, tkFailAt(time.Minute, nil))
					return nil
				})
			})
			<-c.Done()
			require.True(t, tkClosed(inner.Done()))
			return nil
		}))
	})
}

// R41: the result is stored and the state is published when Done closes.
func TestR41_ResultBeforeDone(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkFail(tkErrA))
			<-c.Done()
			require.Equal(t, scope.Failed, c.State())
			require.True(t, c.Err() == tkErrA)
			return nil
		})
	}
}

// R41: the result is stored when the state is published.
func TestR41_ResultBeforeState(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkFail(tkErrA))
			for c.State() < scope.Succeeded {
				if err := scope.Checkpoint(context.Background()); err != nil {
					return err
				}
			}
			require.True(t, c.Err() == tkErrA)
			return nil
		})
	}
}

// R41: an Err that is there means a State that is final.
func TestR41_ErrMeansFinal(t *testing.T) {
	testkit.Guard(t)
	for range 300 {
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkFail(tkErrA))
			for c.Err() == nil {
				_ = scope.Checkpoint(context.Background())
			}
			require.Equal(t, scope.Failed, c.State())
			return nil
		})
	}
}

// R41: the scope is released last: when Run returns, Done is closed.
func TestR41_DoneBeforeRunReturns(t *testing.T) {
	testkit.Guard(t)
	for range 200 {
		var cs []*scope.Child
		var done []<-chan struct{}
		_ = scope.Run(tkBg, func(ctx context.Context) error {
			for range 4 {
				c := scope.Go(ctx, tkNothing)
				cs, done = append(cs, c), append(done, c.Done())
			}
			return nil
		})
		for i := range cs {
			require.True(t, tkClosed(done[i]))
			require.Equal(t, scope.Succeeded, cs[i].State())
		}
	}
}

// R41: Done asked for after the end is closed, and is the same channel always.
func TestR41_DoneIsOne(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, tkNothing)
			require.NoError(t, c.Wait(ctx))
			require.True(t, tkClosed(c.Done()))
			require.Equal(t, c.Done(), c.Done())
			return nil
		}))
	})
}

// R42: every way through the table that ends in success, failure and
// cancellation.
func TestR42_Ways(t *testing.T) {
	testkit.Guard(t)
	const (
		pe, ru, ci = scope.Pending, scope.Running, scope.Canceling
		su, fa, ca = scope.Succeeded, scope.Failed, scope.Canceled
	)
	after := func(ctx context.Context, how func(context.Context) error) error {
		<-ctx.Done()
		time.Sleep(time.Second)
		return how(ctx)
	}
	for _, w := range []struct {
		name   string
		fn     func(context.Context) error
		cancel bool // while it runs
		want   []scope.State
	}{
		{"succeeds", tkFailAt(time.Second, nil), false, []scope.State{pe, ru, su}},
		{"fails", tkFailAt(time.Second, tkErrA), false, []scope.State{pe, ru, fa}},
		{"panics", func(ctx context.Context) error { time.Sleep(time.Second); return tkBoom(ctx) }, false, []scope.State{pe, ru, fa}},
		{"exits", func(ctx context.Context) error { time.Sleep(time.Second); return tkExit(ctx) }, false, []scope.State{pe, ru, fa}},
		{"cancelled and succeeds", func(ctx context.Context) error { return after(ctx, tkNothing) }, true, []scope.State{pe, ru, ci, su}},
		{"cancelled and fails", func(ctx context.Context) error { return after(ctx, tkFail(tkErrA)) }, true, []scope.State{pe, ru, ci, fa}},
		{"cancelled", func(ctx context.Context) error { return after(ctx, context.Context.Err) }, true, []scope.State{pe, ru, ci, ca}},
	} {
		for _, how := range []string{"task", "scope"} {
			if how == "scope" && !w.cancel {
				continue
			}
			t.Run(w.name+" by "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var got []scope.State
					s := scope.New(scope.Limit(1), scope.PanicsAsErrors())
					_ = s.Run(tkBg, func(ctx context.Context) error {
						var c *scope.Child
						scope.Go(ctx, func(ctx context.Context) error {
							c = scope.Go(ctx, w.fn)
							got = append(got, c.State()) // behind this one in line
							return nil
						})
						synctest.Wait()
						got = append(got, c.State())
						if w.cancel {
							if how == "task" {
								require.True(t, c.Cancel(nil))
							} else {
								s.Cancel(nil)
							}
							synctest.Wait()
							got = append(got, c.State())
						}
						<-c.Done()
						got = append(got, c.State())
						return nil
					})
					require.Equal(t, w.want, got)
				})
			})
		}
	}
}

// R42: pending → canceled has nothing in between; and what is final stays.
func TestR42_PendingToCanceled(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				c := scope.Go(ctx, tkNever(t))
				c.Cancel(nil)
				require.Contains(t, []scope.State{scope.Pending, scope.Canceled}, c.State())
				tkDone(ctx, c)
				require.Equal(t, scope.Canceled, c.State())
				require.False(t, c.Cancel(nil))
				require.Equal(t, scope.Canceled, c.State())
				return nil
			})
			return nil
		}, scope.Limit(1)))
	})
}

// R42: under fire a watcher sees the states in the table's order only.
func TestR42_Watched(t *testing.T) {
	testkit.Guard(t)
	legal := map[[2]scope.State]bool{
		{scope.Pending, scope.Running}: true, {scope.Pending, scope.Canceled}: true,
		{scope.Running, scope.Canceling}: true,
		{scope.Running, scope.Succeeded}: true, {scope.Running, scope.Failed}: true, {scope.Running, scope.Canceled}: true,
		{scope.Canceling, scope.Succeeded}: true, {scope.Canceling, scope.Failed}: true, {scope.Canceling, scope.Canceled}: true,
		// What a watcher may miss in between.
		{scope.Pending, scope.Canceling}: true, {scope.Pending, scope.Succeeded}: true, {scope.Pending, scope.Failed}: true,
	}
	for i := range 300 {
		s := scope.New()
		_ = s.Run(tkBg, func(ctx context.Context) error {
			c := scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Checkpoint(ctx)
				switch i % 3 {
				case 0:
					return nil
				case 1:
					return tkErrA
				}
				return ctx.Err()
			})
			watcher := make(chan struct{})
			go func() {
				defer close(watcher)
				last := scope.Pending
				for last < scope.Succeeded {
					now := c.State()
					if now != last && !legal[[2]scope.State{last, now}] {
						t.Errorf("%v → %v", last, now)
					}
					last = now
				}
				if now := c.State(); now != last {
					t.Errorf("%v → %v", last, now)
				}
			}()
			if i%2 == 0 {
				c.Cancel(nil)
			} else {
				s.Cancel(nil)
			}
			<-watcher
			return nil
		})
	}
}

// R42: each state has a name of its own.
func TestR42_Names(t *testing.T) {
	testkit.Guard(t)
	seen := map[string]bool{}
	for s := scope.Pending; s <= scope.Canceled; s++ {
		require.NotEmpty(t, s.String())
		require.False(t, seen[s.String()], s.String())
		seen[s.String()] = true
	}
	require.Equal(t, "canceling", scope.Canceling.String())
	require.NotPanics(t, func() { _ = scope.State(99).String() })
}

// I11: what a snapshot says of a task fits together, whenever it is taken: who
// waits has begun, who has begun says when, who is done waits for nothing.
func TestSnapshotFitsTogether(t *testing.T) {
	testkit.Guard(t)
	s := scope.New(scope.Limit(4))
	require.NoError(t, s.Run(tkBg, func(ctx context.Context) error {
		watch := scope.Go(ctx, func(ctx context.Context) error {
			for {
				for _, c := range s.Snapshot().Tasks {
					switch {
					case c.WaitingOn != nil && (c.State == scope.Pending || c.State >= scope.Succeeded):
						t.Errorf("a task is %v and waits in %s", c.State, c.WaitingOn.Kind)
					case c.State != scope.Pending && c.State != scope.Canceled && c.Started.IsZero():
						t.Errorf("a task is %v and has not begun", c.State)
					}
				}
				if err := scope.Checkpoint(ctx); err != nil {
					return err
				}
			}
		}, scope.Background())
		for range 5000 {
			scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Microsecond) })
		}
		watch.Cancel(nil)
		return nil
	}))
}
