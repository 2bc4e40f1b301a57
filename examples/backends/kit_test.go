package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// programs is the folder of what the tests build and download, once for all of
// them.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "backends")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// Nothing here takes longer, a first build of the Collector included.
const limit = 8 * time.Minute

// bounded returns a ctx that ends with the test at the latest.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// What is built is built once, by the first test that needs it.
var (
	collectorProgram = sync.OnceValues(func() (string, error) { return build("collector", "testdata/collector", ".") })
	quickstart       = sync.OnceValues(func() (string, error) { return build("quickstart", "../..", "./examples/quickstart") })
)

// build has the go command build a program of the module in dir.
func build(name, dir, pkg string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	path := filepath.Join(programs, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", path, pkg)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// must returns the path of a program that is built.
func must(t *testing.T, program func() (string, error)) string {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	return path
}
