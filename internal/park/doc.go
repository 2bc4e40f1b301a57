// Package park is the one way to wait. Every blocking call of every package
// of Corral comes through here: cancellation is honoured, the wait is marked
// in the live tree, and its leaf span is measured in this package and nowhere
// else.
//
// # The pieces
//
//   - A [Strand] is one line of execution: a task, or the body of a root scope.
//     It waits for at most one thing at a time, so it embeds its [Waiter].
//   - A [Line] is a fair queue of waiters. It has no lock of its own: it is
//     guarded by the lock of the primitive that embeds it.
//   - A [Place] is what a context carries: where in the tree a call comes from.
//   - [Wait] parks, [Sleep] parks with an alarm, [Join] parks and cannot be
//     cancelled. An [Op] wraps one operation, blocking or not: the check that
//     comes first (R2), and the leaf span that comes last.
//
// # Who decides
//
// A waiter is claimed exactly once, by one compare-and-swap from parked to
// served, canceled or rang, and whoever claims it sends the one wake-up. So a
// hand-over is atomic (R3): a releaser that loses the race against a
// cancellation goes on to the next waiter in line, and nothing was given away.
//
// Cancellation does not appear in a select with the wake-up, which would pick
// at random when both are ready and costs 70 % more. Instead the scope that is
// cancelled pokes the strands inside it ([Strand.Poke]). The order is:
//
//	waiter:     publish "parked"; then look whether ctx is cancelled
//	canceller:  cancel ctx;       then look whether the waiter is parked
//
// One of the two always sees the other. Only a wait under a context that
// somebody derived with a cancel of its own, or outside every scope, selects
// on ctx.Done, and then the claim still decides.
//
// # Goroutines and coroutines
//
// Park and unpark ([Waiter.park], [Waiter.wake]) are the only two places that
// know what a strand runs on: a goroutine, which blocks, or a [Coroutine], which
// gives back a thread that is not its own. So one primitive serves both, and
// hands over between them.
package park
