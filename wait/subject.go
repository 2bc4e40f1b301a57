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
	latch *park.Latch // nil: aw is none of ours
	watch park.Watch
	told  bool // guarded by the group's mu
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
// one, as cancelled is not failed.
func (s *subject) failed() bool {
	switch a := s.aw.(type) {
	case interface{ State() scope.State }:
		return a.State() == scope.Failed
	case context.Context:
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

// subjects turns what the caller gave into subjects, each once, in its order.
func subjects[A task.Awaitable](call string, g *group, aws []A) {
	g.subjects = make([]subject, 0, len(aws))
	var seen map[task.Awaitable]struct{}
	if len(aws) > 1 {
		seen = make(map[task.Awaitable]struct{}, len(aws))
	}
	for i, a := range aws {
		v := reflect.ValueOf(a)
		if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
			panic("wait: " + call + ": number " + strconv.Itoa(i) + " is nil: pass tasks, futures or contexts")
		}
		if seen != nil && v.Comparable() {
			if _, twice := seen[a]; twice {
				continue
			}
			seen[a] = struct{}{}
		}
		g.subjects = append(g.subjects, subject{aw: a, group: g, index: i, latch: seam.LatchOf(a)})
	}
}
