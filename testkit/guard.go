package testkit

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// Guard fails the test if it leaves something behind: a goroutine, an open
// scope, a goroutine that was started in a scope with a bare go statement and
// has outlived it, or a future dropped without a result. It says what, where
// that comes from and where it is stuck, with the tree of open scopes. Call it
// first, so that it looks last, after the test's other clean-up.
//
// It looks for spans too if the test has a [Recorder], which does that itself.
//
// What is there when Guard is called does not count. Of tests that run in
// parallel nobody can say who left what: their guards look when the last of
// them ends, and name them all. Guard all parallel tests of a package or none;
// while an unguarded one runs, goroutines are left to [Main].
//
// A future counts if it was made with task.NewFuture and garbage collection
// found nobody who could still set it or read it, unless its maker was
// cancelled.
func Guard(t testing.TB) {
	t.Helper()
	g := &guard{test: t.Name(), before: begin()}
	unwatch := watch(true)
	guards.enter(g)
	t.Cleanup(func() {
		t.Helper()
		defer unwatch()
		tests, before := guards.leave(g)
		if before == nil {
			return
		}
		if found := before.findings(); found != "" {
			who := "the test"
			if len(tests) > 1 {
				who = "one of the parallel tests " + strings.Join(tests, ", ")
			}
			t.Errorf("testkit: %s left something behind\n\n%s", who, found)
		}
	})
}

// A guard watches one test.
type guard struct {
	test   string
	before *baseline
}

// guards are those of the tests that run now.
var guards guardList

type guardList struct {
	mu      sync.Mutex // guards the rest
	active  []*guard
	waiting []*guard // of tests that have ended, while others beside them had not
}

func (l *guardList) enter(g *guard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active = append(l.active, g)
}

// leave ends g. It returns the tests to judge together and what there was
// before the first of them, or nil if tests beside them still run. The tests
// around g do not count: they wait for it.
func (l *guardList) leave(g *guard) (tests []string, before *baseline) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active = slices.DeleteFunc(l.active, func(o *guard) bool { return o == g })
	if slices.ContainsFunc(l.active, func(o *guard) bool { return !strings.HasPrefix(g.test+"/", o.test+"/") }) {
		l.waiting = append(l.waiting, g)
		return nil, nil
	}
	before = g.before
	tests = []string{g.test}
	for _, o := range l.waiting {
		tests = append(tests, o.test)
		if o.before.seq < before.seq {
			before = o.before
		}
	}
	l.waiting = nil
	return tests, before
}
