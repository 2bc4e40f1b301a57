// Package scope has cancel scopes that own tasks: structured concurrency for
// Go, after Trio's nurseries and AnyIO's task groups.
//
//	err := scope.Run(ctx, func(ctx context.Context) error {
//		scope.Go(ctx, fetchUser)
//		scope.Go(ctx, fetchCart, scope.Name("cart"))
//		return nil
//	}, scope.Name("checkout"), scope.Timeout(2*time.Second))
//
// [Run] returns when its body and every task spawned into the scope have ended:
// always, also on error, panic, cancellation and deadline. The first failure
// cancels the rest, and Run returns every failure. ctx is the only handle: a
// function that is called with it may spawn, and is cancelled with it.
//
// # Cancellation
//
// A scope is cancelled by [Scope.Cancel], by its deadline, by a failure in it,
// by a shutdown whose grace is over, or by what is around it. That reaches
// everything inside, except behind a [Shield]. Why it happened is a
// *[CanceledError]: what cancelled waits return, what context.Cause reports,
// what [Scope.Cause] keeps. The first cause wins.
//
// A scope that was cancelled itself catches that at its end: Run returns nil
// after Cancel, the *CanceledError after a deadline without [MoveOn]. A
// cancellation of something further out passes through. A scope that was not
// cancelled never swallows anything.
//
// # Waiting
//
// Calls that may block ([Sleep], [Child.Wait], and those of packages task and
// sync) notice cancellation on every call, also when they could go on at once:
// cancelled means that it did not happen. Computation calls [Checkpoint].
//
// # Goroutines
//
// Tasks run on goroutines of the root scope, which keeps a few of them for the
// next task; none is left when the root's Run returns. The package starts
// nothing by itself. Contexts derived from a task's or a body's ctx, and
// goroutines started with a bare go, work as always, but nobody waits for the
// latter.
//
// # Looking inside
//
// [Scope.Snapshot] and [Snapshots] return the live tree: scopes, tasks, what
// each waits for, since when, and who can end the wait. Nothing is paid while
// nobody looks. With an OpenTelemetry SDK every scope and task is a span (see
// package otelx); without one that costs a nil check.
//
// # Testing
//
// Every wait parks on a channel, so that a testing/synctest bubble sees it and
// time is virtual there.
package scope
