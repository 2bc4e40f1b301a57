package testkit_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// interleaving runs some tasks through a queue and returns who did what when.
func interleaving(ctx context.Context) (string, error) {
	var mu sync.Mutex
	var log []string
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, fmt.Sprintf(format, args...))
	}
	q := csync.NewQueue[int](1)
	err := scope.Run(ctx, func(ctx context.Context) error {
		for i := range 3 {
			scope.Go(ctx, func(ctx context.Context) error {
				err := q.Put(ctx, i)
				say("put %d", i)
				return err
			})
			scope.Go(ctx, func(ctx context.Context) error {
				v, err := q.Get(ctx)
				say("%d got %d", i, v)
				return err
			})
		}
		return nil
	})
	return strings.Join(log, ", "), err
}

// Different seeds give different orders; the same seed gives the same again. On
// a machine that is so busy that the system holds a thread up for ten
// milliseconds, the runtime goes on with another goroutine, wherever that was:
// so one in a hundred may differ.
func TestSchedulesAreRepeated(t *testing.T) {
	if os.Getenv("CORRAL_TRACED") == "ratio" {
		t.Skip("what is sampled is left to chance, and so is what is scheduled for it")
	}
	testkit.Guard(t)
	t.Setenv("CORRAL_SEEDS", "") // it needs its own number
	const n = 300
	var first []string
	orders := map[string]bool{}
	differ := 0
	for round := range 3 {
		seed := 0
		testkit.Schedules(t, n, func(t *testing.T, ctx context.Context) error {
			order, err := interleaving(ctx)
			if round == 0 {
				first = append(first, order)
				orders[order] = true
			}
			if first[seed] != order {
				differ++
				t.Logf("seed %d: %s; and then: %s", seed+1, first[seed], order)
			}
			seed++
			return err
		})
	}
	require.Greater(t, len(orders), 10)
	require.LessOrEqual(t, differ, 2*n/100)
}

// Tests beside a schedule, in real time or in a bubble of their own, are not
// slowed down: their clocks stay exact.
func TestSchedulesDisturbNobody(t *testing.T) {
	testkit.Guard(t)
	needsTwo(t)
	inside, outside := make(chan struct{}), make(chan struct{})
	t.Run("group", func(t *testing.T) {
		t.Run("scheduled", func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			testkit.Schedules(t, 100, func(_ *testing.T, ctx context.Context) error {
				once.Do(func() { close(inside) })
				_, err := interleaving(ctx)
				return err
			})
			close(outside)
		})
		t.Run("beside", func(t *testing.T) {
			t.Parallel()
			<-inside
			for {
				select {
				case <-outside:
					return
				default:
				}
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					_, err := interleaving(t.Context())
					require.NoError(t, err)
					require.Zero(t, time.Since(begun), "no time went by")
				})
			}
		})
	})
}

// The environment chooses one seed, or how many.
func TestSchedulesByEnvironment(t *testing.T) {
	testkit.Guard(t)
	count := func() (n int) {
		testkit.Schedules(t, 3, func(*testing.T, context.Context) error { n++; return nil })
		return n
	}
	t.Setenv("CORRAL_SEED", "")
	t.Setenv("CORRAL_SEEDS", "")
	require.Equal(t, 3, count())
	t.Setenv("CORRAL_SEEDS", "7")
	require.Equal(t, 7, count())
	t.Setenv("CORRAL_SEEDS", "11-14")
	require.Equal(t, 4, count())
	t.Setenv("CORRAL_SEED", "5")
	require.Equal(t, 1, count())
	t.Setenv("CORRAL_SEED", "five")
	require.Contains(t, failing(t, func(t testing.TB) { testkit.SeedsFromEnv(t, 1) }), "CORRAL_SEED=five is not a number")
}

func TestNilBodies(t *testing.T) {
	testkit.Guard(t)
	for name, call := range map[string]func(){
		"Bubble":      func() { testkit.Bubble(t, nil) },
		"Schedules":   func() { testkit.Schedules(t, 1, nil) },
		"Faults":      func() { testkit.Faults(t, nil) },
		"Checkpoints": func() { testkit.Checkpoints(t, nil) },
	} {
		func() {
			defer func() { require.Contains(t, recover(), "testkit: "+name+" with a nil", name) }()
			call()
		}()
	}
}
