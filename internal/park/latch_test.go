package park_test

import (
	"context"
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/testkit"
)

var latchRounds = flag.Int("latch.rounds", 10_000, "`rounds` of TestLatchStorm; 20000000 after a change of Latch")

type told struct{ atomic.Int32 }

func (t *told) Tell(*park.Strand) { t.Add(1) }

// A latch that is closed in the very instant somebody comes: who waits is
// woken, who watches is told or was refused, and whoever asks for the channel
// gets one that closes. A wake-up that is lost hangs the test.
func TestLatchStorm(t *testing.T) {
	testkit.Guard(t)
	var latch atomic.Pointer[park.Latch]
	var ready, round, through, checked atomic.Int64
	var watch park.Watch
	var tell told
	var watched, came bool
	actors := []func(l *park.Latch, n int64){
		func(l *park.Latch, _ int64) { came = l.Close(nil) },
		func(l *park.Latch, n int64) {
			switch n % 4 {
			case 0:
				var op park.Op
				if err := op.Begin(context.Background()); err == nil {
					_ = l.Await(&op, &gate{})
				}
			case 1:
				<-l.Channel()
			case 2:
				tell.Store(0)
				watch = park.Watch{To: &tell}
				watched = l.Watch(&watch)
			default:
				watched = l.Come()
			}
		},
	}
	var all sync.WaitGroup
	for i, act := range actors {
		all.Go(func() {
			for n := int64(1); n <= int64(*latchRounds); n++ {
				if ready.Add(1) == 2*n { // the last to come opens the round,
					latch.Store(new(park.Latch))
					round.Store(n)
				}
				meet(&round, n)
				for range (n*7 + int64(i)*n*13) % 64 { // so that both come at once now and then
					_ = round.Load()
				}
				act(latch.Load(), n)
				if through.Add(1) == 2*n { // and the last to leave looks at the outcome
					if !latch.Load().Closed() || n%4 == 2 && (tell.Load() == 1) != watched || n%4 >= 2 && watched && !came {
						t.Errorf("round %d: told %d, watched %t, came %t", n, tell.Load(), watched, came)
					}
					checked.Store(n)
				}
				meet(&checked, n)
			}
		})
	}
	all.Wait()
}

// meet waits until v is n: spinning, as the two are to go on in one instant.
func meet(v *atomic.Int64, n int64) {
	for spins := 0; v.Load() != n; spins++ {
		if spins > 100 {
			runtime.Gosched()
		}
	}
}

// Unwatch of a watch that never came, and one that was told, does nothing.
func TestUnwatch(t *testing.T) {
	testkit.Guard(t)
	var l, other park.Latch
	var tell told
	w := park.Watch{To: &tell}
	l.Unwatch(&w)
	require.True(t, l.Watch(&w))
	other.Unwatch(&w)
	l.Unwatch(&w)
	require.True(t, l.Watch(&w))
	require.True(t, l.Close(nil))
	l.Unwatch(&w)
	require.EqualValues(t, 1, tell.Load())
	require.False(t, l.Watch(&w))
	require.False(t, other.Close(nil))
	require.False(t, other.Come())
	<-other.Channel()
}
