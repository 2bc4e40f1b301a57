// Package sync has what tasks use to meet: [Event], [Queue], [Lock],
// [Condition], [Semaphore], [CapacityLimiter], [Barrier], [ResourceLock] and
// [ResourceGuard].
//
// It keeps its name because that is what it is; import it as csync, since most
// files want the standard library's sync too:
//
//	import csync "github.com/corral-go/corral/sync"
//
// # Usage
//
//	jobs := csync.NewQueue[Job](64, csync.Name("jobs"))
//	scope.Go(ctx, func(ctx context.Context) error { return jobs.Process(ctx, handle) })
//	err := jobs.Put(ctx, job) // waits while 64 are in it, but not beyond ctx
//
// The zero values of Event, Lock, Queue and ResourceLock are ready to use.
// Nothing here starts a goroutine, and nothing has to be closed to be freed.
//
// # What holds for all of them
//
//   - Every call that may block takes ctx first and notices cancellation also
//     when it could go on at once. When it returns a cancellation, nothing has
//     happened: nothing was put, taken, locked or counted.
//   - A hand-over is atomic. One that is cancelled in the moment it is served
//     has got it, or else the next in line has.
//   - First come, first served. A release hands over to who waits longest; no
//     Try call and no newcomer comes in between.
//   - A Try call never blocks; its ctx only says who calls and places the span.
//     A release never fails because ctx is cancelled.
//   - No function of yours is called while anything is locked.
//   - Who waits is shown in the live tree, with the name given with [Name], how
//     many wait, and who holds what they wait for.
//
// What is not promised: that two waiters which are woken one after the other
// also run in that order.
//
// # What it costs
//
// On a 64-bit machine an Event that nobody waits for takes 56 bytes, a Lock 96,
// and an empty Queue 264, in one allocation (go test ./sync -run
// TestIdleMemory). What does not wait allocates nothing (TestFastPathsAllocateNothing); the
// ordering of a priority queue and a ResourceLock's key do. A drained queue
// gives its memory back (TestQueuesGiveMemoryBack).
package sync
