// Package seam is the door between package scope and the packages that build
// on its tasks. What passes through it is not for users, so it is not in
// scope's public API; scope fills it in when it is initialised.
package seam

// Spawn starts a task in a Child that its owner embeds. Its type is
//
//	func(ctx context.Context, c *scope.Child, job capture.Job, fn uintptr, opts []scope.TaskOption)
//
// where fn is the code pointer of the user's function, for its name.
var Spawn any

// A Finisher is a job that wants to know when its task is done: Finished is
// called once, on the task's goroutine, after Done closed and before the
// scope lets go of the task. Its error, if any, is a panic of a callback.
type Finisher interface {
	Finished() error
}
