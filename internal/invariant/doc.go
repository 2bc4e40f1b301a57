// Package invariant holds recorded traces to what must be true of each of them:
//
//  1. every span that has started ends exactly once (R82);
//  2. a span lies inside its parent, in time and in order (R81);
//  3. a span's parent was recorded;
//  4. single operations (leaf spans) have no children;
//  5. the sum of corral.op.count, 1 where absent, over the leaf spans of a trace
//     is the number of operations that began there (R80);
//  6. the names of our spans, their attributes and events are from the closed
//     list, and no status is Ok.
//
// A [Checker] is what checks, and [Checker.Provider] the tracer provider to
// record with: the SDK's, wrapped, because the SDK hides a second End and knows
// nothing of operations. [Suite] runs all tests of a package with such a
// provider as the global one.
//
// The package is for tests and for testkit. Nothing here waits on a channel, so
// that one Checker can serve many synctest bubbles, as long as the spans of a
// trace are all of one.
package invariant
