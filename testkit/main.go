package testkit

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/corral-go/corral/internal/invariant"
)

// Main runs the tests of a package and returns the exit code for os.Exit. If
// they passed, it then looks for what they have left: goroutines, open scopes,
// goroutines that were started in a scope with a bare go statement and have
// outlived it, and futures dropped without a result. If there is anything, it
// says what and where it comes from, on standard error, and returns 1.
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
//
// Where a task was spawned is known only of tests with a [Guard]. With
// benchmarks (-bench) nothing is watched, and Main looks for goroutines and
// scopes only.
//
// With CORRAL_TRACED=1, the tests run with an SDK for traces and metrics that is
// the global one and samples everything, and Main fails the run if a trace is
// broken, in the sense of [Recorder]; it says in which test, if it can, and
// prints the spans. What records with providers of its own is not concerned.
// Tests have to pass as well with "never" and "ratio", where nothing or half of
// it is sampled, and with "blocks", "fails" and "panics", which is what the
// exporter does.
//
// What the tests of a package leave on purpose they have to end. A failed run
// is not looked at: what a failed test leaves is no news.
func Main(m *testing.M) int { return runMain(invariant.Suite(m).Run) }

// benchmarking reports whether the run is to measure: then nothing is watched
// that would cost time or memory.
func benchmarking() bool {
	if !flag.Parsed() {
		flag.Parse()
	}
	f := flag.Lookup("test.bench")
	return f != nil && f.Value.String() != ""
}

func runMain(run func() int) int {
	if !benchmarking() {
		defer watch(false)()
	}
	before := begin()
	code := run()
	if code != 0 {
		return code
	}
	if found := before.findings(); found != "" {
		fmt.Fprintf(os.Stderr, "testkit: the tests passed, but left something behind\n\n%s\n", found)
		return 1
	}
	return 0
}
