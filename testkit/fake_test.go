package testkit_test

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeTB is a test that may fail without failing the real one.
type fakeTB struct {
	testing.TB // the real one, for what is not faked
	name       string

	mu       sync.Mutex // guards the rest
	failures []string
	cleanups []func()
}

func (f *fakeTB) Helper()      {}
func (f *fakeTB) Name() string { return f.name }

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fakeTB) Cleanup(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleanups = append(f.cleanups, fn)
}

// end runs the clean-ups, as package testing does, and returns what failed.
func (f *fakeTB) end() string {
	for {
		f.mu.Lock()
		n := len(f.cleanups)
		if n == 0 {
			defer f.mu.Unlock()
			return strings.Join(f.failures, "\n")
		}
		fn := f.cleanups[n-1]
		f.cleanups = f.cleanups[:n-1]
		f.mu.Unlock()
		fn()
	}
}

// failing runs a test body with a fake, on a goroutine of its own, and returns
// how it failed.
func failing(t *testing.T, body func(t testing.TB)) string {
	t.Helper()
	f := &fakeTB{TB: t, name: t.Name() + "/fake"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(f)
	}()
	<-done
	return f.end()
}

// needsTwo skips a test whose parallel parts wait for each other where they run
// one after the other.
func needsTwo(t *testing.T) {
	t.Helper()
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == "1" {
		t.Skip("runs with -parallel 2")
	}
}

// mentions fails if the text lacks one of the words.
func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		require.Contains(t, text, w)
	}
}
