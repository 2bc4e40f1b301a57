package wait

import (
	"context"
	"reflect"
	"strconv"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

// A subject is one thing that a group watches.
type subject struct {
	aw    task.Awaitable
	group *group
	index int         // in what the caller gave
	equal bool        // aw can be compared
	latch *park.Latch // nil: aw is none of ours
	watch park.Watch  // unless its To is nil, latch may know of it

	told bool     // guarded by the group's mu
	next *subject // likewise: the one that told after it
}

// done reports whether it has ended, by now.
func (s *subject) done() bool {
	if s.latch != nil {
		return s.latch.Closed()
	}
	select {
	case <-s.aw.Done():
		return true
	default:
		return false
	}
}

// failed reports whether what is done has failed: by its state, where it has
// one, as what was cancelled has not (R62). Of one of ours it is asked under
// its latch's lock, and no code of the user is called for it.
func (s *subject) failed() bool {
	if s.latch != nil {
		return seam.StateOf(s.aw) == uint8(scope.Failed)
	}
	if _, ok := s.aw.(context.Context); ok {
		return false
	}
	return s.aw.Err() != nil
}

// child returns the task that aw is, or nil.
func child(aw task.Awaitable) *scope.Child {
	switch a := aw.(type) {
	case *scope.Child:
		return a
	case interface{ Child() *scope.Child }:
		return a.Child()
	}
	return nil
}

// few is up to how many subjects a look at each finds a duplicate sooner than a
// map does.
const few = 16

// subjects turns what the caller gave into subjects, each once, in its order.
func subjects[A task.Awaitable](call string, g *group, aws []A) {
	g.subjects = make([]subject, 0, len(aws))
	var seen map[task.Awaitable]struct{}
	if len(aws) > few {
		seen = make(map[task.Awaitable]struct{}, len(aws))
	}
	for i, a := range aws {
		v := reflect.ValueOf(a)
		if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
			panic("wait: " + call + ": number " + strconv.Itoa(i) + " is nil: pass tasks, futures or contexts")
		}
		equal := v.Kind() == reflect.Pointer || v.Comparable() // which allocates
		if equal && g.has(a, seen) {
			continue
		}
		g.subjects = append(g.subjects, subject{aw: a, group: g, index: i, equal: equal, latch: seam.LatchOf(a)})
	}
}

// has reports whether aw, which can be compared, is among the subjects: those
// that are in seen, if there is such a map, and aw is from now on.
func (g *group) has(aw task.Awaitable, seen map[task.Awaitable]struct{}) bool {
	if seen != nil {
		n := len(seen)
		seen[aw] = struct{}{}
		return len(seen) == n
	}
	for i := range g.subjects {
		if s := &g.subjects[i]; s.equal && s.aw == aw {
			return true
		}
	}
	return false
}
