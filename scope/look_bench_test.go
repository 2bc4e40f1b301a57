package scope

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/corral-go/corral/internal/seam"
)

// BenchmarkLookHold is how long the lock of a scope is held at once while
// somebody looks at it: for a chunk of its tasks, of 100,000. Each hold is timed
// from the lock taken to the lock let go: half of them, 99 in a hundred, and all
// took no longer. (The longest have a garbage collection or another process in
// them.)
func BenchmarkLookHold(b *testing.B) {
	s := New()
	_ = s.Run(context.Background(), func(ctx context.Context) error {
		for range 100_000 {
			Go(ctx, func(ctx context.Context) error { return Sleep(ctx, time.Hour) }, Background())
		}
		l := newLook(seam.Tour[Snapshot, TaskSnapshot]{})
		next := s.tasks
		var took []time.Duration
		for b.Loop() {
			s.mu.Lock()
			began := time.Now()
			n := 0
			for ; next != nil && n < chunk; next = next.next { // as firstLocked does, further on each time
				l.buf[n] = next
				n++
			}
			if next == nil {
				next = s.tasks
			}
			took = append(took, time.Since(began))
			s.mu.Unlock()
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
		b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
		b.ReportMetric(float64(took[len(took)-1].Nanoseconds()), "max-ns")
		return nil
	})
}

// BenchmarkSnapshot is all of it, copied.
func BenchmarkSnapshot(b *testing.B) {
	s := New()
	_ = s.Run(context.Background(), func(ctx context.Context) error {
		for range 100_000 {
			Go(ctx, func(ctx context.Context) error { return Sleep(ctx, time.Hour) }, Background())
		}
		b.ReportAllocs()
		for b.Loop() {
			_ = s.Snapshot()
		}
		return nil
	})
}
