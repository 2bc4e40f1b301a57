// Package testkit finds in tests what gets out: goroutines, scopes, spans,
// futures, items, cancellations that nobody notices.
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
//
//	func TestCheckout(t *testing.T) {
//		testkit.Guard(t)
//		testkit.Bubble(t, func(ctx context.Context, r *testkit.Recorder) {
//			…
//			r.ExpectTree(`…`)
//		})
//	}
//
// # What is there
//
//   - [Main] and [Guard] look for what a test has left, and say where it comes
//     from and where it is stuck.
//   - A [Recorder] keeps the spans, metrics and log events of one test, shows
//     them as a tree that is the same in every run, and fails the test if a trace
//     is broken.
//   - [Bubble] is virtual time, a scope and a recorder; a deadlock says who waits
//     for whom. A [Sequencer] makes one exact interleaving.
//   - [Schedules] runs a test under many interleavings, each of which a seed
//     brings back.
//   - [Faults] has each wait of a test go wrong in each way, one at a time.
//   - [Checkpoints] holds that a function notices cancellation wherever it blocks.
//
// # Concurrency
//
// A Recorder and a Sequencer may be used from any goroutine. Tests in parallel
// each have their own; their guards judge them together. Schedules, Faults and
// Checkpoints take turns: what they do to the library is the process's, and they
// set GOMAXPROCS to 1 meanwhile. Bubbles, and what is built of them, must not be
// nested.
//
// # What it costs
//
// Nothing, in a program: the hooks it needs are off, and nothing but tests
// imports it. A guarded test pays for a garbage collection or two at its end, and
// its scopes and tasks keep where they come from. Main has scopes label their
// goroutines, except in runs with -bench.
//
// # What it does not see
//
// A future that was not made with task.NewFuture; a goroutine that goleak takes
// for one of the runtime's or of package testing; who of several parallel tests
// it was. What waits on something outside the bubble (a network, a mutex, a
// channel made outside) is not blocked in the eyes of synctest, and time stands
// still.
//
// TESTING.md in this folder is a chapter on testing concurrent code.
package testkit
