package monitor

import (
	"context"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// These measure real time, and so the machine as well: they run only when asked
// for, on a machine that has nothing else to do.
//
//	CORRAL_REALTIME=1 go test ./monitor -run RealTime -v
func realTime(t *testing.T) {
	t.Helper()
	if os.Getenv("CORRAL_REALTIME") == "" {
		t.Skip("measures real time: set CORRAL_REALTIME=1")
	}
}

// The Result moves with the queue of what is ready to run.
func TestRealTimeSaturation(t *testing.T) {
	testkit.Guard(t)
	realTime(t)
	const length = 3 * time.Second
	measure := func(load func(ctx context.Context, over *atomic.Bool)) float64 {
		var over atomic.Bool
		m := New(Window(length))
		require.NoError(t, m.Watch(context.Background(), func(ctx context.Context) error {
			defer over.Store(true)
			load(ctx, &over)
			return scope.Sleep(ctx, length)
		}))
		return m.Result()
	}
	spinners := func(n int) func(context.Context, *atomic.Bool) {
		return func(ctx context.Context, over *atomic.Bool) {
			for range n {
				scope.Go(ctx, func(context.Context) error { spin(over, nil); return nil })
			}
		}
	}
	idle := measure(spinners(0))
	two, eight, many := measure(spinners(2)), measure(spinners(8)), measure(spinners(64))
	var tasks atomic.Int64
	flooded := measure(func(ctx context.Context, over *atomic.Bool) { flood(ctx, over, &tasks) })
	t.Logf("idle %.2f, spinning 2: %.2f, 8: %.2f, 64: %.2f; flood of %d short tasks: %.2f", idle, two, eight, many, tasks.Load(), flooded)
	require.Less(t, idle, 1.2)
	require.Greater(t, two, 1.5*idle)
	require.Greater(t, eight, 1.5*two)
	require.Greater(t, many, 2*eight)
	require.Greater(t, flooded, 5*idle) // most of its backlog waits in the scope, not among the runnable goroutines
}

// flood has tasks of 150 µs come four times as fast as the processors can run them,
// whether they are run or not, until over is set. The backlog grows, up to a
// bound, which is three seconds of work.
func flood(ctx context.Context, over *atomic.Bool, tasks *atomic.Int64) {
	const work, most = 150 * time.Microsecond, 20_000 // for each processor
	procs := int64(runtime.GOMAXPROCS(0))
	var backlog atomic.Int64
	short := func(context.Context) error {
		for began := time.Now(); time.Since(began) < work && !over.Load(); {
		}
		backlog.Add(-1)
		return nil
	}
	scope.Go(ctx, func(ctx context.Context) error {
		for began := time.Now(); !over.Load(); {
			due := 4 * procs * int64(time.Since(began)/work)
			for tasks.Load() < due && backlog.Load() < most*procs {
				tasks.Add(1)
				backlog.Add(1)
				scope.Go(ctx, short)
			}
			if err := scope.Sleep(ctx, ms); err != nil { // who sleeps comes first when he wakes, however long the queue is
				return err
			}
		}
		return nil
	})
}

// A hog among 50 tasks is named first, in 19 of 20 runs at least, when the lag
// that it causes is over the threshold.
func TestRealTimeHog(t *testing.T) {
	testkit.Guard(t)
	realTime(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one hog makes a lag only where it has all processors
	right := 0
	for range 20 {
		reports := make(chan Report, 1)
		m := New(OnLag(5*ms, func(r Report) {
			select {
			case reports <- r:
			default:
			}
		}))
		require.NoError(t, m.Watch(context.Background(), func(context.Context) error {
			planted(t, false, func(*scope.Child, <-chan struct{}) {
				r := <-reports
				if len(r.Culprits) > 0 && r.Culprits[0].Task == "svc/hog" {
					right++
				} else {
					t.Logf("%+v", r)
				}
			})
			return nil
		}))
	}
	t.Logf("named first in %d of 20 runs", right)
	require.GreaterOrEqual(t, right, 19)
}
