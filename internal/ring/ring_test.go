package ring

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// It behaves as a slice does.
func TestAgainstASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Ring[int]{Keep: rapid.SampledFrom([]int{0, 256}).Draw(t, "keep")}
		var model []int
		for i := range rapid.IntRange(0, 2000).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				require.Equal(t, model[0], r.Pop())
				model = model[1:]
			} else {
				r.Push(i)
				model = append(model, i)
			}
			require.Equal(t, len(model), r.Len())
		}
		for _, want := range model {
			require.Equal(t, want, r.Pop())
		}
		require.LessOrEqual(t, len(r.buf), max(keep, r.Keep))
	})
}

// What was taken out is collected, and memory of a burst is given back.
func TestNothingIsKept(t *testing.T) {
	var r Ring[*[64]byte]
	gone := make(chan int, 1)
	func() {
		v := new([64]byte)
		runtime.AddCleanup(v, func(int) { gone <- 1 }, 0)
		r.Push(v)
	}()
	r.Push(nil)
	r.Pop()
	for collected := false; !collected; {
		runtime.GC()
		select {
		case <-gone:
			collected = true
		default:
		}
	}
	require.Equal(t, 1, r.Len())
	r.Pop()
	for range 1000 {
		r.Push(nil)
	}
	for range 1000 {
		r.Pop()
	}
	require.Empty(t, r.buf)
	require.Panics(t, func() { r.Pop() })
}

// The buffer is used again while little is in it.
func TestNoAllocation(t *testing.T) {
	r := Ring[int]{Keep: 1024}
	turn := func() {
		for i := range 500 {
			r.Push(i)
		}
		for range 500 {
			r.Pop()
		}
	}
	turn()
	require.Zero(t, testing.AllocsPerRun(100, turn))
}
