package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/scope"
)

// progress counts what the stages have done so far, for whoever looks.
type progress struct {
	found, counted, bytes atomic.Int64
}

func (p *progress) add(r result) {
	p.counted.Add(1)
	p.bytes.Add(r.size)
}

// lineWidth is how much of a terminal's line is rewritten.
const lineWidth = 78

// line says it in one line.
func (p *progress) line(stopping bool) string {
	counted, found := p.counted.Load(), p.found.Load()
	s := fmt.Sprintf("hashed %s of %s files found, %s", thousands(counted), thousands(max(found, counted)), bytesText(p.bytes.Load()))
	if stopping {
		s += "; stopping (Ctrl-C again: at once)"
	}
	return shorten(s, lineWidth)
}

// showOn returns a task that rewrites one line of w until it is cancelled, and
// then clears it.
func (p *progress) showOn(w io.Writer) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		defer fmt.Fprintf(w, "\r%*s\r", lineWidth, "")
		stopping := scope.Stopping(ctx)
		for {
			if err := scope.Sleep(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			fmt.Fprintf(w, "\r%-*s", lineWidth, p.line(isClosed(stopping)))
		}
	}
}

// isTerminal reports whether w is a terminal, as far as the standard library can
// tell: a character device, and not the null one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
