package scope_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
)

var (
	tkBg   = context.Background()
	tkErrA = errors.New("tk: a")
	tkErrB = errors.New("tk: b")
	tkErrC = errors.New("tk: c")
)

// tkError is an error to be found with errors.As.
type tkError struct{ code int }

func (e *tkError) Error() string { return "tk: coded" }

// tkList is an error that cannot be compared.
type tkList []string

func (l tkList) Error() string { return strings.Join(l, ",") }

// tkForever waits until ctx is cancelled.
func tkForever(ctx context.Context) error { return scope.Sleep(ctx, 1000*time.Hour) }

// tkDeaf waits for d, whatever happens. It waits as tasks do, so that a host task
// may.
func tkDeaf(ctx context.Context, d time.Duration) {
	_ = scope.Sleep(context.WithoutCancel(ctx), d)
}

// tkDone waits until c is done, whatever happens, as tasks do.
func tkDone(ctx context.Context, c *scope.Child) { _ = c.Wait(context.WithoutCancel(ctx)) }

// tkFail fails at once.
func tkFail(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func tkNothing(context.Context) error { return nil }

func tkBoom(context.Context) error { tkPanicSite("boom"); return nil }

//go:noinline
func tkPanicSite(v any) { panic(v) }

func tkExit(context.Context) error { runtime.Goexit(); return nil }

// tkScopeError takes what Run returned for a *scope.Error.
func tkScopeError(t *testing.T, err error) *scope.Error {
	t.Helper()
	require.Error(t, err)
	e, ok := err.(*scope.Error)
	require.Truef(t, ok, "a *scope.Error, not %T: %v", err, err)
	return e
}

// tkFailures is the errors of the failures, in order.
func tkFailures(t *testing.T, err error) []error {
	t.Helper()
	var errs []error
	for _, f := range tkScopeError(t, err).Failures {
		errs = append(errs, f.Err)
	}
	return errs
}

// tkCanceled takes err for a *scope.CanceledError.
func tkCanceled(t *testing.T, err error) *scope.CanceledError {
	t.Helper()
	require.Error(t, err)
	e, ok := err.(*scope.CanceledError)
	require.Truef(t, ok, "a *scope.CanceledError, not %T: %v", err, err)
	return e
}

// tkPanic runs f, which has to raise a *scope.PanicError.
func tkPanic(t *testing.T, f func()) (p *scope.PanicError) {
	t.Helper()
	v := tkRecover(f)
	require.NotNil(t, v, "nothing was raised")
	p, ok := v.(*scope.PanicError)
	require.Truef(t, ok, "a *scope.PanicError, not %T: %v", v, v)
	return p
}

func tkRecover(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// tkClosed reports whether c is closed now.
func tkClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// tkGoroutine is the header of the caller's stack, which names its goroutine.
func tkGoroutine() string {
	buf := make([]byte, 64)
	s := string(buf[:runtime.Stack(buf, false)])
	s, _, _ = strings.Cut(s, " [")
	return s
}

// tkLog collects what several tasks have to say, in order. Virtual time orders
// tasks, but not in the eyes of the race detector.
type tkLog[T any] struct {
	mu  sync.Mutex
	all []T
}

func (l *tkLog[T]) add(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, v)
}

func (l *tkLog[T]) get() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T(nil), l.all...)
}
