package monitor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/testkit"
)

const ms = time.Millisecond

// clock feeds a Monitor with turns of given lengths.
type clock struct {
	m   *Monitor
	now time.Time
}

func newClock(opts ...Option) *clock {
	c := &clock{New(opts...), time.Unix(1e9, 0)}
	c.m.begin(c.now)
	return c
}

func (c *clock) turns(n int, length time.Duration) {
	for range n {
		c.m.turn(c.now)
		c.now = c.now.Add(length)
		c.m.turned(c.now)
	}
}

// outstanding begins a turn and lets d of it go by.
func (c *clock) outstanding(d time.Duration) {
	c.m.turn(c.now)
	c.now = c.now.Add(d)
}

func (c *clock) result() float64 { return c.m.resultAt(c.now) }

// R85: the Result is 1 before the first sample, never below, and the mean of
// what was measured: twice the queue, twice the Result.
func TestResult(t *testing.T) {
	testkit.Guard(t)
	require.Equal(t, 1.0, New().Result())
	require.Equal(t, 1.0, new(Monitor).Result())
	require.Equal(t, Stats{Last: 1, Mean: 1, Max: 1, Window: time.Minute}, New().Stats())
	c := newClock()
	require.Equal(t, 1.0, c.result())
	c.outstanding(5 * ms)
	require.Equal(t, 1.0, c.result())

	c = newClock()
	c.turns(10, 9*ms)
	require.Equal(t, 1.0, c.result())
	for _, queue := range []int{1, 2, 4, 8, 64} {
		c := newClock()
		c.turns(1000, time.Duration(queue)*10*ms)
		require.InEpsilon(t, float64(queue), c.result(), 1e-6)
		s := c.m.statsAt(c.now)
		require.Equal(t, c.result(), s.Mean)
		require.InEpsilon(t, float64(queue), s.Last, 1e-6)
		require.InEpsilon(t, float64(queue), s.Max, 1e-6)
		require.EqualValues(t, 1000, s.Samples)
		require.Equal(t, time.Duration(queue-1)*10*ms, s.LagMax)
		require.LessOrEqual(t, s.LagP50, s.LagP99)
		require.LessOrEqual(t, s.LagP99, s.LagMax)
	}
}

// A single stall after an hour of idling is plain while it lasts, plain in the
// window after it, and forgotten a window later.
func TestStallAfterIdling(t *testing.T) {
	testkit.Guard(t)
	c := newClock()
	c.turns(int(time.Hour/(10200*time.Microsecond)), 10200*time.Microsecond)
	require.InDelta(t, 1.02, c.result(), 0.001)

	c.outstanding(10 * ms)
	require.InDelta(t, 1.02, c.result(), 0.001, "not longer than the last: it does not count")
	before := c.result()
	for range 5 {
		c.now = c.now.Add(100 * ms)
		require.Greater(t, c.result(), before, "overdue, and rising")
		before = c.result()
	}
	require.Greater(t, before, 1.2)
	require.InDelta(t, 51, c.m.statsAt(c.now).Last, 0.01)
	require.InDelta(t, 51, c.m.statsAt(c.now).Max, 0.01)

	c.m.turned(c.now)
	require.InDelta(t, before, c.result(), 0.02, "measured, it counts as it did before")
	c.turns(1000, 10200*time.Microsecond)
	s := c.m.statsAt(c.now)
	require.Greater(t, s.Mean, 1.2)
	require.InDelta(t, 51, s.Max, 0.01)
	require.InDelta(t, 1.02, s.Last, 0.001)
	require.Equal(t, 500*ms, s.LagMax)
	require.Less(t, s.LagP99, ms)

	c.turns(6000, 10200*time.Microsecond)
	s = c.m.statsAt(c.now)
	require.InDelta(t, 1.02, s.Mean, 0.001)
	require.InDelta(t, 1.02, s.Max, 0.001)
	require.Equal(t, 200*time.Microsecond, s.LagMax)
}

// R85: after the end the Result keeps its last value, the overdue turn included.
func TestResultAfterEnd(t *testing.T) {
	testkit.Guard(t)
	c := newClock(Window(time.Second))
	c.turns(10, 20*ms)
	c.outstanding(time.Second)
	want := c.m.statsAt(c.now)
	require.Greater(t, want.Mean, 10.0)
	c.m.finish(func() time.Time { return c.now })
	c.now = c.now.Add(time.Hour)
	c.m.finish(func() time.Time { return c.now })
	require.Equal(t, want, c.m.statsAt(c.now))
	require.Equal(t, want.Mean, c.result())
}

// The quantiles are those of a sorted list, to within a quarter; and a window
// forgets, also when nothing comes for long.
func TestQuantiles(t *testing.T) {
	testkit.Guard(t)
	w := newWindow(time.Minute)
	r := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for i := range 10000 {
		lag := time.Duration(r.ExpFloat64() * float64(3*ms))
		all = append(all, lag)
		w.add(time.Duration(i)*ms, lag, lag)
	}
	slices.Sort(all)
	got := w.quantiles(0.001, 0.5, 0.9, 0.99, 1)
	for i, q := range []float64{0.001, 0.5, 0.9, 0.99, 1} {
		want := all[max(0, int(q*float64(len(all)))-1)]
		require.GreaterOrEqual(t, got[i], want.Truncate(time.Microsecond), "%v", q)
		require.LessOrEqual(t, got[i], want+want/4+time.Microsecond, "%v", q)
	}
	w.move(time.Hour)
	sum := w.total()
	require.Zero(t, sum.n)
	require.Zero(t, sum.mean())
	require.Equal(t, []time.Duration{0, 0}, w.quantiles(0.5, 0.99))
}

func TestBuckets(t *testing.T) {
	testkit.Guard(t)
	last := -1
	for us := time.Duration(0); us < 1<<40; us = us + us/8 + 1 {
		d := us * time.Microsecond
		b := bucket(d)
		require.GreaterOrEqual(t, b, last)
		last = b
		if b < buckets-1 {
			require.LessOrEqual(t, d, upper(b))
			if b > 0 {
				require.Greater(t, d, upper(b-1))
			}
		}
	}
	require.Equal(t, buckets-1, last)
	require.Equal(t, 0, bucket(-time.Hour))
}

// A measurement allocates nothing.
func TestTurnsDoNotAllocate(t *testing.T) {
	testkit.Guard(t)
	c := newClock()
	r := recorder{}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		c.m.turn(c.now)
		c.now = c.now.Add(11 * ms)
		r.record(c.m, c.now, c.m.turned(c.now))
	}))
}

// The lags are counted as the histogram corral.loop.delay counts them, in the
// window alone; the turn that is under way counts when it is longer than the last.
func TestLags(t *testing.T) {
	testkit.Guard(t)
	require.Zero(t, New().Stats().Lags)
	bounds := LagBounds()
	require.Len(t, bounds, len(Stats{}.Lags)-1)
	c := newClock(Window(time.Hour))
	for i, b := range bounds {
		c.turns(i+1, 10*ms+b) // equal: with it
		c.turns(1, 10*ms+b+1) // above: with the next
	}
	s := c.m.statsAt(c.now)
	for i, n := range s.Lags {
		want := i + 2
		if i == 0 || i == len(bounds) {
			want = 1
		}
		require.EqualValues(t, want, n, "%d", i)
	}

	c = newClock()
	c.turns(1, 10*ms)
	c.outstanding(20 * ms)
	require.EqualValues(t, 1, c.m.statsAt(c.now).Lags[6])
	c.m.turned(c.now)
	require.EqualValues(t, 1, c.m.statsAt(c.now).Lags[6])
	c.turns(7000, 10*ms)
	s = c.m.statsAt(c.now)
	require.Zero(t, s.Lags[6])
	require.InDelta(t, 6000, s.Lags[0], 101)
}
