package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A process runs until it is stopped, and not longer than the test.
type process struct {
	name  string
	kill  context.CancelFunc
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	err   error         // how it ended, then

	mu   sync.Mutex
	said []byte
	more chan struct{} // closed, and replaced, when it says something
}

// start starts a program. What it says is part of the test's log if that fails.
func start(ctx context.Context, t *testing.T, path string, args ...string) *process {
	t.Helper()
	ctx, kill := context.WithCancel(ctx)
	p := &process{name: filepath.Base(path), kill: kill, ended: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, path, args...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.WaitDelay = 5 * time.Second
	dieWithUs(p.cmd)

	started := make(chan error)
	go func() {
		// Linux ends a process that shall not outlive us when the thread that
		// started it ends: this one is kept until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.ended)
	}()
	err := <-started
	t.Cleanup(func() {
		kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.transcript())
		}
	})
	require.NoError(t, err)
	return p
}

// Write is where the process's output goes.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, b...)
	close(p.more)
	p.more = make(chan struct{})
	return len(b), nil
}

func (p *process) transcript() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.said)
}

// await waits until the process has said something that matches, and returns the
// submatches. It gives up when the process ends.
func (p *process) await(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	for {
		p.mu.Lock()
		match, more := pattern.FindStringSubmatch(string(p.said)), p.more
		p.mu.Unlock()
		if match != nil {
			return match, nil
		}
		select {
		case <-more:
		case <-p.ended:
			return nil, fmt.Errorf("%s ended (%v) before it said %q", p.name, p.err, pattern)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s has not said %q: %w", p.name, pattern, ctx.Err())
		}
	}
}

// stop asks the process to end, waits until it has, and wants it to end well.
func (p *process) stop(ctx context.Context, t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	select {
	case <-p.ended:
		require.NoError(t, p.err, "how %s ended", p.name)
	case <-ctx.Done():
		require.Fail(t, "it does not end", "%s", p.name)
	}
}
