package sync_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
)

// A program in which somebody holds the lock of a primitive for good is dumped
// all the same: the wait is there, and what stands behind the lock is not.
func TestDumpOfWedgedPrimitive(t *testing.T) {
	dump := func(t *testing.T) string {
		var b bytes.Buffer
		require.NoError(t, monitor.Dump(&b))
		return b.String()
	}
	each(t, func(t *testing.T, ctx context.Context, s subject) {
		c := scope.Go(ctx, func(ctx context.Context) error { return s.wait(ctx, nothing) }, scope.Name("waits"))
		synctest.Wait()
		what, _, _ := seam.StrandOf(c).Waiting()
		var lock park.TryLocker
		m := what.Awaited(func(mu park.TryLocker) bool { lock = mu; return false })
		require.Equal(t, s.kind, m.Kind)
		require.True(t, m.Locked)
		require.Zero(t, m.Waiters)

		trace := what.Awaited(nil) // takes none at all
		require.Equal(t, park.Mark{Kind: m.Kind, Name: m.Name}, trace)

		lock.Lock()
		text := dump(t) // would hang if it waited
		lock.Unlock()
		require.Contains(t, text, "waits waiting "+s.kind+` "it" <locked>`)
		require.NotContains(t, dump(t), "<locked>")
		c.Cancel(errStop)
	})
}
