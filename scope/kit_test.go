package scope_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

var (
	bg      = context.Background()
	errBoom = errors.New("boom")
	errWhy  = errors.New("why")
)

type fn = func(ctx context.Context) error

// sleep is a function that waits for d.
func sleep(d time.Duration) fn {
	return func(ctx context.Context) error { return scope.Sleep(ctx, d) }
}

var forever = sleep(1000 * time.Hour)

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	testkit.Guard(t)
	synctest.Test(t, f)
}

// failuresOf returns the failures of the *scope.Error that err must be.
func failuresOf(t *testing.T, err error) []scope.Failure {
	t.Helper()
	var e *scope.Error
	require.ErrorAs(t, err, &e)
	fs := slices.Clone(e.Failures)
	for i := range fs {
		fs[i].Span = trace.SpanContext{} // there is one in a traced run
	}
	return fs
}

// causeIn returns the *scope.CanceledError that err must be.
func causeIn(t *testing.T, err error) *scope.CanceledError {
	t.Helper()
	e, ok := err.(*scope.CanceledError) //nolint:errorlint // it must be the value itself
	require.True(t, ok, "%T: %v", err, err)
	return e
}
