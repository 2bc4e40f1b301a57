package scope

import (
	"context"
	"testing"
	"time"

	"github.com/corral-go/corral/internal/seam"
)

// BenchmarkLookHold is how long the lock of a scope is held at once while
// somebody looks at it: for a chunk of its tasks, of 100,000.
func BenchmarkLookHold(b *testing.B) {
	s := New()
	_ = s.Run(context.Background(), func(ctx context.Context) error {
		for range 100_000 {
			Go(ctx, func(ctx context.Context) error { return Sleep(ctx, time.Hour) }, Background())
		}
		l := newLook(seam.Tour[Snapshot, TaskSnapshot]{})
		next := s.tasks
		for b.Loop() {
			s.mu.Lock()
			n := 0
			for ; next != nil && n < chunk; next = next.next { // as firstLocked does, further on each time
				l.buf[n] = next
				n++
			}
			if next == nil {
				next = s.tasks
			}
			s.mu.Unlock()
		}
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
