// Package guest runs tasks on a thread that belongs to somebody else.
//
// A GUI toolkit, a game or a C library has a loop that owns its thread, and
// things that only that thread may touch. With
//
//	guest.Start(ctx, guest.Host{RunSyncSoonThreadsafe: app.Post}, main, done)
//
// main, and every task spawned below it, is a host task: it runs on the host's
// thread, a step at a time, between the host's own events, and may touch what is
// there. When it waits, for a task, a queue, a lock, the time, the host goes on.
// The code is the same as anywhere: scopes, deadlines, shields, tasks, futures
// and every primitive of package sync. Host tasks wait for goroutine tasks, and
// the other way round.
//
// # What runs where
//
//   - main, the tasks of its scope and of scopes below, their done callbacks and
//     handlers, and done: on the host's thread.
//   - the function of [scope.Blocking], called in a host task: on a goroutine,
//     while the host goes on. Bare blocking calls and long computations freeze
//     the host, and with it everything here. A monitor.Monitor that runs in a
//     host task measures that, and names the task.
//   - tasks spawned into a scope outside of the run ([scope.In]), or of a scope
//     that was opened on another goroutine, or with a ctx that is none of ours:
//     on goroutines.
//   - callbacks of a future: where that is set.
//
// [RunOnHost] brings a function from a goroutine to the host's thread. To
// interleave, only one step runs at a time, first come first served; a host task
// that does not wait is not interrupted, and one that computes calls
// [scope.Checkpoint] now and then.
//
// # What the host must do
//
// Call every function it is asked to call, once, on its own thread; all of them
// on one goroutine, if that is locked to the thread, and lock it, if at all,
// before the first. A function may be called from a nested loop (a modal
// dialog): if a host task runs that loop, no other host task runs until it
// returns; if the host does, within a C callback, that waits until the callback
// has returned. A host has one guest at a time.
//
// # What a host task must not do
//
// Wait for somebody by other means than ours (a channel, a mutex, a WaitGroup)
// unless he is on another goroutine and will be quick. Wait with its ctx on
// another goroutine: that panics there, also in an iter.Pull of its own.
// Keep its thread locked (runtime.LockOSThread) while it waits: the runtime ends
// the process for that, and nothing can tell beforehand.
//
// # A host that goes away
//
// A loop that ends before its guest is found out when it panics on being asked
// (its channel is closed, say), or when the garbage collector finds that it has
// dropped what it was to call. One that keeps what it was asked to call, and
// never does, looks like one that is busy; the live tree shows who waits. The
// run of a host that is gone is cancelled with [ErrGone]. If the host's thread
// was not locked, host tasks end on a goroutine of the run; they are joined as
// always, and done is called there. If it was, the runtime lets them run nowhere
// else: they stay as they are, lost, and done is told so. So end the guest
// first: call [Guest.Cancel], and the loop in done.
//
// # How it works
//
// A host task is a coroutine (iter.Pull). It is made and resumed only inside
// functions that the host calls, and what a goroutine would block for, it yields
// for: package park is the only one to know. One goroutine per run, the
// messenger, asks the host, because who wakes a host task may hold locks.
package guest
