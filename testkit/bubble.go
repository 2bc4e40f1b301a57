package testkit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corral-go/corral/scope"
)

// Bubble runs body in a testing/synctest bubble, in virtual time, in a scope and
// with a recorder: ctx carries both. The scope is named "bubble". The test fails
// if the scope does, and if goroutines are left when it has ended.
//
// When everybody in the bubble waits for somebody else, the test fails with a
// report of who waits for whom, by name, and the scope is cancelled; what cannot
// be cancelled then (a bare channel) ends the test binary, as synctest has it.
// For the report, waits that time would end are waited for first: time goes on
// for a hundred years.
//
// In body use the t of the test for everything but Run, Parallel, Cleanup and
// Context. Bubble must not be called in a bubble. The model is Trio's
// autojump_clock.
func Bubble(t *testing.T, body func(ctx context.Context, r *Recorder)) {
	t.Helper()
	if body == nil {
		panic("testkit: Bubble with a nil body: pass the function to run")
	}
	synctest.Test(t, func(inner *testing.T) {
		r := NewRecorder(inner)
		err := runBubble(t, r.Context(inner.Context()), nil, func(ctx context.Context) error {
			body(ctx, r)
			return nil
		})
		if err != nil {
			t.Errorf("testkit: the scope of the bubble failed: %v", err)
		}
	})
}

var errDeadlock = errors.New("testkit: deadlock")

// runBubble runs body in a scope, in the bubble it is called in, watches for
// deadlocks, and then for goroutines that were left. Reports go to t, the test
// around the bubble: that one can still print when the bubble cannot end. which,
// unless nil, says which of several runs it is.
func runBubble(t testing.TB, ctx context.Context, which func() string, body func(ctx context.Context) error) error { //nolint:revive // t comes first in tests
	t.Helper()
	s := scope.New(scope.Name("bubble"))
	running := runtime.NumGoroutine()
	w := &deadlockWatch{t: t, s: s, which: which}
	timer := time.AfterFunc(ages, w.report)
	defer timer.Stop()
	err := s.Run(ctx, body)
	if w.reported.Load() && errors.Is(err, errDeadlock) {
		err = nil // said already
	}
	reportLeft(t, running, which)
	return err
}

// ages is longer than anybody waits on purpose.
const ages = 100 * 365 * 24 * time.Hour

// deadlockWatch reports a deadlock. Virtual time goes on only when everybody in
// the bubble is blocked, to the next timer; when it has come to the one that
// calls report, there is no other.
type deadlockWatch struct {
	t        testing.TB
	s        *scope.Scope
	which    func() string
	reported atomic.Bool
}

func (w *deadlockWatch) report() {
	w.reported.Store(true)
	text := "testkit: deadlock: everybody in the bubble waits, and nothing will end that" + naming(w.which)
	if waits := waitsText(w.s); waits != "" {
		text += "\n\n" + indent(waits)
	}
	text += "\n\nthe tree:\n" + indent(treeText([]*scope.Scope{w.s}))
	text += "\n\nthe goroutines of the bubble:\n" + indent(bubbleStacks())
	w.t.Errorf("%s", text)
	w.s.Cancel(errDeadlock, scope.Raise())
}

// naming adds which of several runs it is to a report.
func naming(which func() string) string {
	if which == nil {
		return ""
	}
	return ", " + which()
}

// bubbleStacks is the stacks of the other goroutines of the caller's bubble.
func bubbleStacks() string {
	var texts []string
	for _, g := range bubbleMates() {
		texts = append(texts, g.text)
	}
	return strings.Join(texts, "\n\n")
}

// bubbleMates returns the other goroutines of the caller's bubble, except those
// that belong to package testing.
func bubbleMates() []goroutine {
	all := goroutines()
	return slices.DeleteFunc(all[1:], func(g goroutine) bool {
		return g.bubble == 0 || g.bubble != all[0].bubble || g.in("testing/synctest.testingSynctestTest") || g.in("internal/synctest.Run")
	})
}

// lingering is how long a goroutine may go on after the scope of its bubble.
const lingering = time.Hour

// reportLeft fails the test if goroutines are left in the bubble that nothing
// will end; the runtime ends the process for them, and says less. before is how
// many there were in the whole process.
func reportLeft(t testing.TB, before int, which func() string) {
	t.Helper()
	synctest.Wait()
	if runtime.NumGoroutine() <= before || len(bubbleMates()) == 0 {
		return
	}
	time.Sleep(lingering)
	synctest.Wait()
	left := bubbleMates()
	if len(left) == 0 {
		return
	}
	text := "testkit: goroutines are left in the bubble" + naming(which)
	for _, g := range left {
		text += "\n\n" + describe(g)
	}
	t.Errorf("%s", text)
}

// repeatText says how a run can be repeated.
func repeatText(name string, value any) string {
	return fmt.Sprintf("\nto repeat this run: %s=%v go test -run …", name, value)
}
