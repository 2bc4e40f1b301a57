// Package wait waits for many things at once, and runs many functions at once.
//
// [Wait] is for what already runs: any mix of tasks, futures, children and
// contexts, until all have ended, the first has, or the first has failed, or a
// time is up. [AsCompleted] goes through them in the order in which they end.
// Neither changes what it watches: nothing is cancelled, no error is consumed,
// and nothing is started for an object of ours.
//
// [All], [Any], [Race], [Map] and [ForEach] run functions in a scope of their
// own, and have joined every one of them when they return: there is no loser
// left running.
//
// # Guarantees
//
// A call with a cancelled ctx fails, also if it could succeed at once; only
// Wait then still says what is done. A panic of a function is raised on the
// caller's goroutine after all have been joined, as scope.Run does it.
//
// # Where it comes from
//
// Wait is asyncio.wait, with its three conditions; AsCompleted is
// asyncio.as_completed; All is what asyncio.gather promises, with the joining
// of a TaskGroup.
package wait
