package capture_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/capture"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

type sink struct {
	calls int
	out   capture.Outcome
}

func (s *sink) End(out capture.Outcome) { s.calls++; s.out = out }

func run(f capture.Func) *sink {
	s := new(sink)
	done := make(chan struct{})
	go func() {
		defer close(done)
		capture.Do(context.Background(), f, s)
	}()
	<-done
	return s
}

func TestOutcomes(t *testing.T) {
	testkit.Guard(t)
	boom := errors.New("boom")

	s := run(func(context.Context) error { return nil })
	require.Equal(t, sink{calls: 1}, *s)

	s = run(func(context.Context) error { return boom })
	require.Equal(t, sink{calls: 1, out: capture.Outcome{Err: boom}}, *s)

	s = run(func(context.Context) error { runtime.Goexit(); return nil })
	require.Equal(t, sink{calls: 1, out: capture.Outcome{Goexit: true}}, *s)

	s = run(func(context.Context) error { panickingFunction(); return nil })
	require.Equal(t, 1, s.calls)
	require.Equal(t, "what", s.out.Panic.Value)
	require.Contains(t, string(s.out.Panic.Stack), "panickingFunction")

	s = run(func(context.Context) error { panic(nil) }) //nolint:govet // the point
	require.IsType(t, new(runtime.PanicNilError), s.out.Panic.Value)

	s = run(func(context.Context) error {
		defer func() { _ = recover() }()
		panic("recovered by the function itself")
	})
	require.Equal(t, sink{calls: 1}, *s)
}

func panickingFunction() { panic("what") }

// A Goexit of the sink itself must not make it be told twice.
func TestSinkThatExits(t *testing.T) {
	testkit.Guard(t)
	calls := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		capture.Do(context.Background(), capture.Func(func(context.Context) error { return nil }), exiting{&calls})
	}()
	<-done
	require.Equal(t, 1, calls)
}

type exiting struct{ calls *int }

func (e exiting) End(capture.Outcome) { *e.calls++; runtime.Goexit() }

func TestCallReturnsTheOutcome(t *testing.T) {
	testkit.Guard(t)
	out := capture.Call(context.Background(), capture.Func(func(context.Context) error { panic("x") }))
	require.Equal(t, "x", out.Panic.Value)
	require.True(t, strings.HasPrefix(string(out.Panic.Stack), "goroutine "))
}
