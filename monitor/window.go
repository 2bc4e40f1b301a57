package monitor

import (
	"math/bits"
	"time"
)

// slots is into how many parts a window is cut: as one ends, the oldest part is
// forgotten.
const slots = 60

// window remembers the turns of the last while, in memory that does not grow.
type window struct {
	part  time.Duration // what one slot stands for
	now   int64         // the number of the newest slot
	slots [slots]slot
}

// slot sums up the turns that ended in one part of a window.
type slot struct {
	n       uint64
	seconds float64 // that the turns took
	squares float64 // each of them times itself
	longest time.Duration
	lags    lags
	bounded [len(lagBounds) + 1]uint64 // what the lags come to; see bound
}

// lagBounds are those of corral.loop.delay.
var lagBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second,
}

// bound is the number of the first bound that lag is not above.
func bound(lag time.Duration) int {
	for i, b := range lagBounds {
		if lag <= b {
			return i
		}
	}
	return len(lagBounds)
}

func newWindow(d time.Duration) window { return window{part: max(1, d/slots)} }

// move forgets what is older than the window at that time after the start.
func (w *window) move(at time.Duration) {
	to := int64(at / w.part)
	for n := int64(0); w.now < to && n < slots; n++ {
		w.now++
		w.slots[w.now%slots] = slot{}
	}
	w.now = max(w.now, to)
}

// add notes a turn that ended at that time after the start.
func (w *window) add(at, turn, lag time.Duration) {
	w.move(at)
	s := &w.slots[w.now%slots]
	s.n++
	s.seconds += turn.Seconds()
	s.squares += turn.Seconds() * turn.Seconds()
	s.longest = max(s.longest, turn)
	s.lags.add(lag)
	s.bounded[bound(lag)]++
}

// total sums up the window; what it returns has no quantiles.
func (w *window) total() (t slot) {
	for i := range w.slots {
		s := &w.slots[i]
		t.n += s.n
		t.seconds += s.seconds
		t.squares += s.squares
		t.longest = max(t.longest, s.longest)
		for b, n := range s.bounded {
			t.bounded[b] += n
		}
	}
	return t
}

// mean is the mean length of a turn at a moment of the window: each turn counts
// for as long as it took. (The mean over turns would not show a long one among
// the thousands of short ones beside it.)
func (s *slot) mean() float64 {
	if s.seconds == 0 {
		return 0
	}
	return s.squares / s.seconds
}

// quantiles returns the lags that the parts qs (rising) of all are not above,
// to within an eighth.
func (w *window) quantiles(qs ...float64) []time.Duration {
	var sum [buckets]uint64
	var n uint64
	for i := range w.slots {
		n += w.slots[i].n
		for b, c := range w.slots[i].lags {
			sum[b] += uint64(c)
		}
	}
	out := make([]time.Duration, len(qs))
	if n == 0 {
		return out
	}
	var below uint64
	b := -1
	for i, q := range qs {
		for rank := max(1, uint64(q*float64(n)+0.999999)); below < rank && b < buckets-1; {
			b++
			below += sum[b]
		}
		out[i] = upper(b)
	}
	return out
}

// lags counts lags in buckets that are up to a quarter wider than the one
// before: four for each power of two of microseconds.
type lags [buckets]uint32

const buckets = 4 * 36 // up to 19 hours

func (l *lags) add(lag time.Duration) { l[bucket(lag)]++ }

func bucket(lag time.Duration) int {
	us := uint64(max(0, lag) / time.Microsecond)
	if us < 4 {
		return int(us)
	}
	power := bits.Len64(us) - 3
	return min(4*power+int(us>>power), buckets-1)
}

// upper is the longest lag in a bucket.
func upper(b int) time.Duration {
	if b < 4 {
		return time.Duration(b+1)*time.Microsecond - 1
	}
	power := b/4 - 1
	return time.Duration(uint64(b%4+5)<<power)*time.Microsecond - 1
}
