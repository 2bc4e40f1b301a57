package scope

import (
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// For tests: hold a lock of the tree, as a wedged program would.

// HoldScope takes the scope's lock until release is called.
func HoldScope(s *Scope) (release func()) { s.mu.Lock(); return s.mu.Unlock }

// HoldTask takes the task's lock until release is called.
func HoldTask(c *Child) (release func()) { c.mu.Lock(); return c.mu.Unlock }

// HoldRoots takes the lock of the list of roots until release is called.
func HoldRoots() (release func()) { roots.mu.Lock(); return roots.mu.Unlock }

// LookAt returns the ids of the tasks of s that a walk finds which calls before
// whenever it takes the lock of s.
func LookAt(s *Scope, before func()) (ids []uint64) {
	l := newLook(seam.Tour[Snapshot, TaskSnapshot]{
		Scope: func(*Snapshot, *seam.Sight) bool { return true }, ScopeEnd: func() {},
		Task: func(t *TaskSnapshot, _ *seam.Sight) bool { ids = append(ids, t.ID); return false },
	})
	l.lock = func(mu park.TryLocker) bool {
		if mu == park.TryLocker(&s.mu) {
			before()
		}
		mu.Lock()
		return true
	}
	l.home = true
	l.scope(s, nil)
	return ids
}

// Chunk is how many tasks are looked at under one hold of a scope's lock.
const Chunk = chunk
