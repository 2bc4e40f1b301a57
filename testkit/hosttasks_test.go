package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// startGuest begins a guest run on a host of its own, a queue of callbacks on a
// goroutine, which ends with the run, or when quit is called.
func startGuest(t testing.TB, ctx context.Context, locked bool, main func(ctx context.Context) error) (g *guest.Guest[int], over <-chan error, quit func()) { //nolint:revive // t comes first in tests
	t.Helper()
	queue, stop, ended := make(chan func(), 4), make(chan struct{}), make(chan error, 1)
	go func() {
		if locked {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
		}
		for {
			select {
			case fn := <-queue:
				fn()
			case <-stop:
				return
			}
		}
	}()
	quit = sync.OnceFunc(func() { close(stop) })
	g, err := guest.Start(ctx, guest.Host{RunSyncSoonThreadsafe: func(fn func()) { queue <- fn }},
		func(ctx context.Context) (int, error) { return 1, main(ctx) },
		func(o guest.Outcome[int]) { ended <- o.Err; quit() })
	require.NoError(t, err)
	return g, ended, quit
}

// asGuest runs main as a guest to its end.
func asGuest(t testing.TB, ctx context.Context, locked bool, main func(ctx context.Context) error) { //nolint:revive // t comes first in tests
	t.Helper()
	g, over, _ := startGuest(t, ctx, locked, main)
	require.NoError(t, <-over)
	<-g.Done()
}

func onBothHosts(t *testing.T, test func(t *testing.T, locked bool)) {
	t.Helper()
	for _, locked := range []bool{false, true} {
		t.Run(fmt.Sprintf("locked=%v", locked), func(t *testing.T) { test(t, locked) })
	}
}

// hostPipeline is a producer on a goroutine, and a consumer and a failing task that
// are host tasks.
func hostPipeline(ctx context.Context, outer *scope.Scope) error {
	jobs := csync.NewQueue[int](1, csync.Name("jobs"))
	producer := scope.Go(ctx, func(ctx context.Context) error {
		defer jobs.Close()
		for i := range 2 {
			if err := scope.Sleep(ctx, time.Second); err != nil {
				return err
			}
			if err := jobs.Put(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}, scope.In(outer), scope.Name("producer"))
	consumer := scope.Go(ctx, func(ctx context.Context) error {
		for range jobs.All(ctx) { //nolint:revive // takes them
		}
		return ctx.Err()
	}, scope.Name("consumer"))
	return errors.Join(consumer.Wait(ctx), producer.Wait(ctx))
}

// A Recorder shows host tasks as any others, and a guest run as the root of a
// trace that leads to who has started it; a Bubble gives it virtual time.
func TestRecorderOfHostTasks(t *testing.T) {
	testkit.Guard(t)
	onBothHosts(t, func(t *testing.T, locked bool) {
		testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
			outer := scope.From(ctx)
			asGuest(t, ctx, locked, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error { return hostPipeline(ctx, outer) }, scope.Name("window"))
			})
			synctest.Wait() // the producer's span ends after its Wait
			r.ExpectTree(`
				scope startGuest.func4 2s → scope bubble
				  scope window 2s
				    await consumer 2s → task consumer
				    task consumer 2s
				      get jobs ×2 1s → task producer
				      get jobs {error.type=queue_closed}
				    await producer → task producer
				task producer 2s → scope window
				  put jobs ×2`)
		})
	})
}

// A Sequencer orders steps of host tasks and of goroutines.
func TestSequencerOfHostTasks(t *testing.T) {
	testkit.Guard(t)
	onBothHosts(t, func(t *testing.T, locked bool) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			outer := scope.From(ctx)
			var log []int
			asGuest(t, ctx, locked, func(ctx context.Context) error {
				seq := testkit.NewSequencer()
				steps := func(of ...int) func(ctx context.Context) error {
					return func(ctx context.Context) error {
						for _, n := range of {
							if err := seq.Step(ctx, n); err != nil {
								return err
							}
							log = append(log, n) // one at a time, or the race detector would see it
						}
						return nil
					}
				}
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.Go(ctx, steps(1, 4, 6))
					scope.Go(ctx, steps(2, 5, 7), scope.In(outer))
					scope.Go(ctx, steps(0, 3, 8))
					return nil
				})
			})
			require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, log)
		})
	})
}

// Schedules decides also when goroutines go on beside host tasks; every order
// has to do, and the same seed gives the same one, unless the machine is busy.
func TestSchedulesOfHostTasks(t *testing.T) {
	testkit.Guard(t)
	onBothHosts(t, func(t *testing.T, locked bool) {
		orders := map[string]int{}
		again, changed := map[uint64]string{}, 0
		for range 2 {
			testkit.Schedules(t, 50, func(t *testing.T, ctx context.Context) error {
				outer := scope.From(ctx)
				var mu sync.Mutex
				order := ""
				say := func(who string) { mu.Lock(); order += who; mu.Unlock() }
				asGuest(t, ctx, locked, func(ctx context.Context) error {
					q := csync.NewQueue[string](1)
					return scope.Run(ctx, func(ctx context.Context) error {
						for _, who := range []string{"a", "b", "g"} {
							put := func(ctx context.Context) error {
								for range 4 {
									if err := q.Put(ctx, who); err != nil {
										return err
									}
								}
								return nil
							}
							if who == "g" {
								scope.Go(ctx, put, scope.In(outer))
							} else {
								scope.Go(ctx, put)
							}
						}
						for range 12 {
							who, err := q.Get(ctx)
							if err != nil {
								return err
							}
							say(who)
						}
						return nil
					})
				})
				orders[order]++
				if last, ok := again[testkit.Seed(ctx)]; ok && last != order {
					changed++
				}
				again[testkit.Seed(ctx)] = order
				return nil
			})
		}
		require.Greater(t, len(orders), 3, "%v", orders)
		require.Less(t, changed, 10, "of 50: where the runtime has preempted somebody")
	})
}

// A guest run whose host has stopped calling is found, with what its tasks wait
// for, and where they stand.
func TestGuardFindsHostTasks(t *testing.T) {
	onBothHosts(t, func(t *testing.T, locked bool) {
		var end func()
		text := failing(t, func(t testing.TB) {
			testkit.Guard(t)
			ctx, cancel := context.WithCancel(bg)
			began := make(chan struct{})
			g, over, _ := startGuest(t, ctx, locked, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					q := csync.NewQueue[int](0, csync.Name("jobs"))
					scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("getter"))
					if err := scope.Checkpoint(ctx); err != nil {
						return err
					}
					close(began)
					return nil
				}, scope.Name("window"))
			})
			<-began
			end = func() { cancel(); <-over; <-g.Done() }
		})
		end()
		mentions(t, text, "scopes that are still open", "scope startGuest.func4 (open)", "run at", "hosttasks_test.go",
			"scope window", `task getter (running) waits for queue.get "jobs"`, "spawned at",
			"the main function of a guest run, which has not ended, in scope startGuest.func4/window",
			"a host task that has not ended, in scope startGuest.func4/window", "corral/sync.(*Queue", "the messenger of a guest run")
		require.NotContains(t, text, "bare go")
	})
}

// What a host task has started with a bare go statement is told apart; a run
// that has ended leaves nothing.
func TestGuardFindsAStrayOfAHostTask(t *testing.T) {
	onBothHosts(t, func(t *testing.T, locked bool) {
		for _, careless := range []bool{false, true} {
			hold := make(chan struct{})
			text := failing(t, func(t testing.TB) {
				testkit.Guard(t)
				asGuest(t, bg, locked, func(ctx context.Context) error {
					return scope.Go(ctx, func(context.Context) error {
						if careless {
							leakOnPurpose(hold)
						}
						return nil
					}, scope.Name("careless")).Wait(ctx)
				})
			})
			close(hold)
			if !careless {
				require.Empty(t, text)
				continue
			}
			mentions(t, text, "bare go statement inside scope startGuest.func4, and has outlived it", "leakOnPurpose")
		}
	})
}

// Tests that fail on purpose, in processes of their own.
func init() {
	planted["host tasks that wait for each other"] = struct {
		run  func(t *testing.T)
		want []string
	}{func(t *testing.T) {
		testkit.Bubble(t, func(ctx context.Context, _ *testkit.Recorder) {
			_, over, _ := startGuest(t, ctx, true, func(ctx context.Context) error {
				var left, right *scope.Child
				left = scope.Go(ctx, func(ctx context.Context) error { return right.Wait(ctx) }, scope.Name("left"))
				right = scope.Go(ctx, func(ctx context.Context) error { return left.Wait(ctx) }, scope.Name("right"))
				return nil
			})
			<-over
		})
	}, []string{
		"testkit: deadlock: everybody in the bubble waits",
		`bubble/startGuest.func4/left waits for task.wait "right", held by bubble/startGuest.func4/right`,
		"in a circle: bubble/startGuest.func4/left → bubble/startGuest.func4/right → bubble/startGuest.func4/left",
	}}
	planted["a guest run that is left"] = struct {
		run  func(t *testing.T)
		want []string
	}{func(t *testing.T) {
		testkit.Bubble(t, func(_ context.Context, _ *testkit.Recorder) {
			began := make(chan struct{})
			_, _, quit := startGuest(t, bg, false, func(ctx context.Context) error {
				scope.Go(ctx, func(ctx context.Context) error {
					close(began)
					return scope.Sleep(ctx, time.Second)
				}, scope.Name("sleeper"))
				return nil
			})
			<-began
			quit()
		})
	}, []string{"testkit: goroutines are left in the bubble", "a host task that has not ended", "the main function of a guest run"}}
}

// hostProgram is a guest whose host tasks wait for each other, for the time, and
// for goroutine tasks.
func hostProgram(t *testing.T, ctx context.Context, locked bool) error { //nolint:revive // t comes first in tests
	t.Helper()
	outer := scope.From(ctx)
	g, over, _ := startGuest(t, ctx, locked, func(ctx context.Context) error {
		lock := csync.NewLock()
		for _, opts := range [][]scope.TaskOption{nil, {scope.In(outer)}} {
			child := scope.Go(ctx, func(ctx context.Context) error {
				if err := lock.Acquire(ctx); err != nil {
					return err
				}
				return errors.Join(scope.Sleep(ctx, time.Second), lock.Release(ctx))
			}, opts...)
			if err := scope.Checkpoint(ctx); err != nil {
				return err
			}
			defer func() { _ = child.Wait(context.WithoutCancel(ctx)) }()
		}
		return errors.Join(lock.Acquire(ctx), lock.Release(ctx), scope.Sleep(ctx, time.Second))
	})
	err := <-over
	<-g.Done()
	return err
}

// Checkpoints cancels at each wait of a host task, too.
func TestCheckpointsOfHostTasks(t *testing.T) {
	testkit.Guard(t)
	onBothHosts(t, func(t *testing.T, locked bool) {
		testkit.Checkpoints(t, func(ctx context.Context) error { return hostProgram(t, ctx, locked) })
	})
}

// Every fault at every wait of host tasks leaves nothing.
func TestFaultsOfHostTasks(t *testing.T) {
	testkit.Guard(t)
	onBothHosts(t, func(t *testing.T, locked bool) {
		testkit.Faults(t, func(t *testing.T, ctx context.Context) error { return hostProgram(t, ctx, locked) })
	})
}
