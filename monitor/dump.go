package monitor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/internal/park"
)

// Dump writes the live tree of every open root scope as text: what runs, what
// waits for what and since when, siblings that look alike as one line with their
// number; then what is waited for; then what is wrong: deadlocks, which are
// certain, and suspicions.
//
// It works while the program hangs: it waits for no lock that somebody holds for
// long, and writes <locked> in place of what is behind it. It calls nothing of
// the program's but w, and the Error methods of cancellation causes, which get
// a moment and no more. Names that could pass for something else are quoted,
// with control characters escaped. It returns the error of w, and may be called
// from any goroutine, at any time. It panics if w is nil.
func Dump(w io.Writer) error {
	if w == nil {
		panic("monitor: Dump with a nil writer: pass os.Stderr, or where else the text should go")
	}
	t := text{out: bufio.NewWriter(w)}
	t.view(findings.Look(true))
	return t.out.Flush()
}

// DumpOnSignal dumps to w whenever the process gets one of the signals (none
// given: SIGUSR1, where there is one), until ctx is cancelled, and returns why
// that was, or the first error of w. It runs on the caller's goroutine, most
// likely a Background task's:
//
//	scope.Go(ctx, func(ctx context.Context) error {
//		return monitor.DumpOnSignal(ctx, os.Stderr)
//	}, scope.Background())
//
// Nothing listens for signals unless it runs. Leave SIGQUIT to Go, which prints
// every goroutine and ends the process. It panics if ctx or w is nil.
func DumpOnSignal(ctx context.Context, w io.Writer, sig ...os.Signal) error {
	if ctx == nil || w == nil {
		panic("monitor: DumpOnSignal with a nil ctx or writer: pass both")
	}
	if err := park.Check(ctx); err != nil {
		return err
	}
	if len(sig) == 0 {
		sig = defaultSignals
	}
	if len(sig) == 0 {
		return errNoSignal
	}
	in := make(chan os.Signal, 1)
	signal.Notify(in, sig...)
	defer signal.Stop(in)
	defer park.MarkOnly(ctx, onSignal{})()
	for {
		select {
		case <-ctx.Done():
			return park.Check(ctx)
		case <-in:
			if err := Dump(w); err != nil {
				return err
			}
		}
	}
}

var errNoSignal = errors.New("monitor: DumpOnSignal: this system has no SIGUSR1: say which signal")

type onSignal struct{}

func (onSignal) Awaited(park.Look) park.Mark { return park.Mark{Kind: "signal", Name: "dump"} }
