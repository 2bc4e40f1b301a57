package seam

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// A Tour is a walk through the live tree. Every scope comes before what is in
// it; the tasks of a scope come oldest first, and after them the scopes opened
// in its body. What is pointed to is the visitor's until its call returns. No
// lock is held during a call.
//
// S is scope.Snapshot and T is scope.TaskSnapshot: this package lies below
// theirs and cannot name them. Their Path, WaitingOn, Tasks and Scopes are not
// filled in: see [PathOf] and [Sight].
type Tour[S, T any] struct {
	// Try gives up on a lock that somebody holds for long, so that the walk
	// ends whatever the program does. What stands behind it is reported to
	// Locked, where it would have come.
	Try bool

	// Scope reports whether to go into the scope; then ScopeEnd follows.
	Scope    func(s *S, at *Sight) bool
	ScopeEnd func()
	// Task reports whether to go into the scopes that were opened in the task;
	// then TaskEnd follows.
	Task    func(t *T, at *Sight) bool
	TaskEnd func()
	// Locked says that more would have come here: root scopes, or what is in
	// the scope or task the walk is in.
	Locked func()
}

// Sight is what a walk sees of a scope or task beside its snapshot.
type Sight struct {
	Owner any // the *scope.Scope or *scope.Child
	// Waits says that the task, or the body of a root scope, waits: for Mark,
	// since Since. (The body of any other scope waits with its task, or root.)
	Waits  bool
	Parked bool // and nobody has begun to wake it
	Mark   park.Mark
	Since  time.Time
	Look   park.Look // how the walk takes locks, for what it leads to
	Ended  int       // of a scope that is being cancelled and is traced: tasks that it has reached and that have ended
	Unread []Unread  // of a scope: tasks in it that have failed, see there
	Cause  error     // of a task that is being cancelled: the *scope.CanceledError, or nil
}

// Unread is a task that has failed, of whose error nobody was told, and nobody
// has asked for it. A scope knows the last few.
type Unread struct {
	Task any // the *scope.Child
	ID   uint64
	Err  error
	At   time.Time
}

// Walk goes through every open root scope, oldest first. Its type is
//
//	func(seam.Tour[scope.Snapshot, scope.TaskSnapshot])
var Walk any

// These take the *scope.Child or *scope.Scope as an any.
var (
	// CodeOf returns the code pointer of the function that it runs.
	CodeOf func(owner any) uintptr
	// NameOf returns its id, and its name.
	NameOf func(owner any) (id uint64, name string)
	// MeterOf returns what it is measured with, or nil.
	MeterOf func(owner any) *otelx.Meter
	// ContextOf returns the ctx that its function has.
	ContextOf func(owner any) context.Context
)

// Label marks the goroutine of each task (given as a *scope.Child) that begins
// from now on, for the profiler; nil while nobody profiles. Unlabel takes the
// marks back, and leaves those that ctx carries; it is there if Label ever was.
var (
	Label   atomic.Pointer[func(task any)]
	Unlabel func(ctx context.Context)
)
