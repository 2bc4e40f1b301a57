package invariant

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Traced reports whether the tests run traced: whether CORRAL_TRACED is set.
func Traced() bool { return os.Getenv("CORRAL_TRACED") != "" }

// Runner is a [testing.M], or what stands for one.
type Runner interface{ Run() int }

// Suite returns what runs the tests of m. With CORRAL_TRACED set, the SDK is
// installed meanwhile, in the way that it says (see provider); with 1 it samples
// everything. Every trace is checked; if one is broken, Suite says from which
// test, prints its spans, and the run fails.
func Suite(m Runner) Runner {
	if !Traced() {
		return m
	}
	return &suite{tests: m, say: func(text string) { fmt.Fprint(os.Stderr, text) }}
}

// suite is one traced run.
type suite struct {
	tests Runner
	say   func(text string)
}

// keepOver is how many spans of traces that are over are kept for what is late.
const keepOver = 1 << 14

var global struct {
	mu      sync.Mutex        // guards the rest
	planted map[string]string // why a test's traces are broken, by its name
}

func (s *suite) Run() int {
	c := New()
	c.keep, c.origin = keepOver, testOnStack
	c.exempt = func(from string) bool {
		global.mu.Lock()
		defer global.mu.Unlock()
		return global.planted[from] != ""
	}
	tracers, over, err := c.provider(os.Getenv("CORRAL_TRACED"))
	if err != nil {
		s.say(err.Error() + "\n")
		return 2
	}
	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))
	code := s.tests.Run()
	otel.SetTracerProvider(tracenoop.NewTracerProvider())
	otel.SetMeterProvider(metricnoop.NewMeterProvider())
	over()
	if broken := c.Broken(); len(broken) > 0 {
		code = max(code, 1)
		for i, t := range broken {
			if i == mostTraces {
				s.say(fmt.Sprintf("… and %d traces more\n", len(broken)-i))
				break
			}
			s.say(fmt.Sprintf("CORRAL_TRACED: a trace is broken, %v\n\n", t))
		}
	}
	return code
}

const mostTraces = 20 // that are printed

// Untraced skips the test in a traced run: one of what there is, or what it
// costs, without an SDK. It runs all the same when the suite runs as it is.
func Untraced(t testing.TB) {
	t.Helper()
	if Traced() {
		t.Skip("it is about what there is without an SDK")
	}
}

// Few is how often a storm is to do something: n times, in a traced run a tenth
// of that, because a span costs more than what it is of.
func Few(n int) int {
	if Traced() {
		return max(1, n/10)
	}
	return n
}

// Planted says that the test breaks its traces on purpose, and why; what a
// traced run finds in them is then no failure. A planted defect is the only
// reason there is.
func Planted(t testing.TB, defect string) {
	t.Helper()
	if defect == "" {
		t.Fatal("invariant: Planted without a defect: say what is broken on purpose")
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	global.mu.Lock()
	defer global.mu.Unlock()
	if global.planted == nil {
		global.planted = map[string]string{}
	}
	global.planted[name] = defect
}

// testOnStack is the name of the test whose code is on the caller's stack, or "".
// A task runs on a stack of its own, but its function is mostly the test's.
func testOnStack() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.File, "_test.go") {
			for word := range strings.SplitSeq(path.Base(f.Function), ".") {
				for _, kind := range []string{"Test", "Example", "Fuzz", "Benchmark"} {
					if strings.HasPrefix(word, kind) {
						return word
					}
				}
			}
		}
		if !more {
			return ""
		}
	}
}
