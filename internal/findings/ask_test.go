package findings_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/testkit"
)

type textErr func() string

func (f textErr) Error() string { return f() }

// Code of the program's that panics, ends its goroutine or hangs is told from
// code that answers; while one call hangs no other is made, and afterwards they
// are again.
func TestAsk(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, findings.Returned, findings.Ask(func() {}))
		require.Equal(t, findings.Panicked, findings.Ask(func() { panic("no") }))
		require.Equal(t, findings.Panicked, findings.Ask(runtime.Goexit))
		open := make(chan struct{})
		require.Equal(t, findings.Hangs, findings.Ask(func() { <-open }))
		for range 3 {
			require.Equal(t, findings.NotAsked, findings.Ask(func() { t.Error("asked") }))
		}
		require.Equal(t, "findings_test.textErr", findings.ErrorText(textErr(func() string { return "x" })))
		require.Equal(t, "plain: wrapped", findings.ErrorText(fmt.Errorf("plain: %w", errors.New("wrapped"))), "what is known to return is")
		close(open)
		synctest.Wait()
		require.Equal(t, findings.Returned, findings.Ask(func() {}))
		require.Equal(t, "x", findings.ErrorText(textErr(func() string { return "x" })))
		require.Equal(t, "findings_test.textErr, whose Error method panics", findings.ErrorText(textErr(func() string { panic("no") })))

		// Late, but in time.
		require.Equal(t, findings.Returned, findings.Ask(func() { time.Sleep(49 * time.Millisecond) }))
		require.Equal(t, findings.Hangs, findings.Ask(func() { time.Sleep(51 * time.Millisecond) }))
		time.Sleep(time.Second)
		require.Equal(t, findings.Returned, findings.Ask(func() {}))
	})
}
