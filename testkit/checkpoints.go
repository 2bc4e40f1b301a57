package testkit

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

// Checkpoints fails the test unless fn notices cancellation at every blocking
// call. It runs fn again and again, in virtual time and in a scope that ctx
// carries, and cancels that scope once in each run: at every wait of this module
// that fn comes to, also at one that could be served at once; and at many
// instants while it is blocked, on whatever that is (a bare channel,
// time.Sleep). fn then has to return before any time goes by, except for what it
// does in a shield; and with an error, if a wait of its was refused.
//
// The report names the call that did not notice. fn must not fail without a
// cancellation. Checkpoints follows the rules of [Schedules]. The model is
// AnyIO's and Trio's assert_checkpoints.
func Checkpoints(t *testing.T, fn func(ctx context.Context) error) {
	t.Helper()
	if fn == nil {
		panic("testkit: Checkpoints with a nil function: pass the one to check")
	}
	scheduling.Lock()
	defer scheduling.Unlock()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	n := 0
	points, took := timePoints(t, fn)
	for _, p := range points {
		if p.step == park.Entering {
			n++
			checkEntry(t, n, fn)
		}
	}
	for _, at := range instants(points, took) {
		checkInstant(t, at, fn)
	}
}

// timePoints runs the function without a cancellation.
func timePoints(t *testing.T, fn func(ctx context.Context) error) (points []point, took time.Duration) {
	t.Helper()
	p := new(probe)
	synctest.Test(t, func(inner *testing.T) {
		ctx, remove := p.install(inner.Context())
		defer remove()
		begun := time.Now()
		err := runBubble(t, ctx, func() string { return "without a cancellation" }, fn)
		took = time.Since(begun)
		if err != nil {
			inner.Errorf("testkit: it failed without a cancellation: %v", err)
		}
	})
	return p.points, took
}

// instants are when to cancel: right after each step of a wait, and spread over
// the time that the function takes.
func instants(points []point, took time.Duration) []time.Duration {
	const spread = 64
	at := map[time.Duration]bool{}
	for _, p := range points {
		at[p.since+1] = true
	}
	for i := range time.Duration(spread) {
		at[took/spread*i+took/(2*spread)] = true
	}
	for d := range at {
		if d <= 0 || d >= took {
			delete(at, d)
		}
	}
	return sortedKeys(at)
}

// checkEntry cancels when wait n begins, which is refused then.
func checkEntry(t *testing.T, n int, fn func(ctx context.Context) error) {
	t.Helper()
	c := &entryCheck{n: n}
	underProbe(t, &probe{act: c.act}, func(inner *testing.T, ctx context.Context) error {
		c.s = scope.From(ctx)
		c.judge(inner, fn(ctx))
		return nil
	}, c.which)
}

// An entryCheck cancels its scope when the n-th wait inside begins.
type entryCheck struct {
	n int
	s *scope.Scope

	mu        sync.Mutex // guards the rest
	entered   int
	at        string // the wait; "" until then
	canceled  time.Time
	sheltered bool // it waits, in a shield, although it was cancelled
}

func (c *entryCheck) act(ctx context.Context, _ int, now point) error {
	if now.step != park.Entering {
		return nil
	}
	c.mu.Lock()
	c.entered++
	mine := c.entered == c.n
	if mine {
		c.at, c.canceled = siteNow(), time.Now()
	}
	c.sheltered = c.sheltered || c.entered > c.n
	c.mu.Unlock()
	if !mine {
		return nil
	}
	c.s.Cancel(ErrInjected)
	err := park.Check(ctx)
	c.mu.Lock()
	c.sheltered = c.sheltered || err == nil
	c.mu.Unlock()
	return err
}

// which says where it has cancelled; a report of a deadlock asks on a goroutine
// of its own.
func (c *entryCheck) which() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return "when cancelled in the wait at " + c.at
}

// judge looks at how the function ended.
func (c *entryCheck) judge(t *testing.T, err error) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch late := time.Since(c.canceled); {
	case c.at == "": // it took another way
	case c.sheltered:
	case late > lateness:
		t.Errorf("testkit: it was cancelled in the wait at %s and went on for %v", c.at, late.Round(lateness))
	case err == nil:
		t.Errorf("testkit: it was cancelled in the wait at %s and returned nil: the cancellation was swallowed", c.at)
	}
}

// lateness is less than anybody waits, and more than a schedule takes.
const lateness = time.Millisecond

// checkInstant cancels when that time has gone by.
func checkInstant(t *testing.T, at time.Duration, fn func(ctx context.Context) error) {
	t.Helper()
	synctest.Test(t, func(inner *testing.T) {
		s := scope.New(scope.Name("checked"))
		ended := make(chan struct{})
		executor.Detach(func() {
			defer close(ended)
			_ = s.Run(inner.Context(), fn)
		})
		time.Sleep(at)
		synctest.Wait()
		s.Cancel(ErrInjected) // does nothing if it has ended
		synctest.Wait()
		if !isClosed(ended) && !hasShield(s.Snapshot()) {
			t.Errorf("testkit: it was cancelled when it had run for %v, and did not return; it is blocked in\n%s", at, indent(bubbleStacks()))
		}
		<-ended // time stands still once this goroutine has ended
	})
	if t.Failed() {
		t.FailNow()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// hasShield reports whether there is a shield somewhere inside the scope.
func hasShield(s scope.Snapshot) bool {
	inside := slices.Clone(s.Scopes)
	for _, c := range s.Tasks {
		inside = append(inside, c.Scopes...)
	}
	return slices.ContainsFunc(inside, func(n scope.Snapshot) bool { return n.Shielded || hasShield(n) })
}
