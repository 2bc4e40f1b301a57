package testkit_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// footprint is what the process holds when nothing runs: bytes of live objects
// and goroutines. A timer that is left holds its scope, and shows in the bytes.
type footprint struct {
	heap       uint64
	objects    uint64
	goroutines int
}

func footprintNow() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{m.HeapAlloc, m.HeapObjects, runtime.NumGoroutine()}
}

// soaking runs work at 1/1000 of its size, and then whole, and fails if the
// second run left more than the first, or held more while it ran.
func soaking(t *testing.T, size int, work func(t *testing.T, n int, midway func())) {
	t.Helper()
	if os.Getenv("CORRAL_SOAK") == "" {
		t.Skip("set CORRAL_SOAK=1, or to a fraction of the whole like 0.1")
	}
	if part, err := strconv.ParseFloat(os.Getenv("CORRAL_SOAK"), 64); err == nil && part > 0 && part < 1 {
		size = int(float64(size) * part)
	}
	var small, large footprint
	work(t, size/1000, func() { small = footprintNow() })
	before := footprintNow()
	begun := time.Now()
	work(t, size, func() { large = footprintNow() })
	took := time.Since(begun)
	after := footprintNow()
	t.Logf("%d in %v (%.0f ns each)", size, took.Round(time.Millisecond), float64(took.Nanoseconds())/float64(size))
	t.Logf("midway: after %d: %+v; after %d: %+v", size/1000, small, size, large)
	t.Logf("idle: before %+v; after %+v", before, after)
	const slack = 1 << 20
	require.Less(t, large.heap, small.heap+slack, "held while it runs")
	require.Less(t, after.heap, before.heap+slack, "left")
	require.LessOrEqual(t, after.goroutines, before.goroutines)
}

// R26: one scope that has run ten million short tasks is as a fresh one.
func TestSoakTasks(t *testing.T) {
	testkit.Guard(t)
	soaking(t, 10_000_000, func(t *testing.T, n int, midway func()) {
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			for range n / 100 {
				var last *scope.Child
				for range 100 {
					last = scope.Go(ctx, func(context.Context) error { return nil })
				}
				if err := last.Wait(ctx); err != nil {
					return err
				}
			}
			for len(scope.From(ctx).Snapshot().Tasks) > 0 {
				runtime.Gosched()
			}
			midway()
			return nil
		}))
	})
}

// Ten million items through one queue, from four putters to four getters.
func TestSoakQueue(t *testing.T) {
	testkit.Guard(t)
	soaking(t, 10_000_000, func(t *testing.T, n int, midway func()) {
		q := csync.NewQueue[int](64)
		var sums [4]int
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			for i := range sums {
				scope.Go(ctx, func(ctx context.Context) error {
					for range n / 4 {
						v, err := q.Get(ctx)
						if err != nil {
							return err
						}
						sums[i] += v
					}
					return nil
				})
				scope.Go(ctx, func(ctx context.Context) error {
					for v := range n / 4 {
						if err := q.Put(ctx, v); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return nil
		}))
		midway()
		require.Equal(t, 4*(n/4)*(n/4-1)/2, sums[0]+sums[1]+sums[2]+sums[3])
		require.Zero(t, q.Len())
	})
}

// A million scopes with an hour to go that end at once leave no timer behind,
// fixed or movable.
func TestSoakDeadlines(t *testing.T) {
	testkit.Guard(t)
	soaking(t, 1_000_000, func(t *testing.T, n int, midway func()) {
		require.NoError(t, scope.Run(bg, func(ctx context.Context) error {
			for i := range n {
				limit := scope.Option(scope.Timeout(time.Hour))
				if i%2 == 1 {
					limit = scope.MovableDeadline(time.Now().Add(time.Hour))
				}
				if err := scope.Run(ctx, func(context.Context) error { return nil }, limit); err != nil {
					return err
				}
			}
			midway()
			return nil
		}))
	})
}
