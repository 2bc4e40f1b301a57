package testkit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/corral-go/corral/internal/park"
)

// A probe looks at every step of every wait under the ctx that it is put into,
// and may do something there.
type probe struct {
	act func(ctx context.Context, n int, p point) error

	mu      sync.Mutex // guards the rest
	points  []point
	refused int
}

// A point is a step of a wait.
type point struct {
	step  park.Step
	since time.Duration // the start
}

type probeKey struct{}

var errBusy = errors.New("testkit: it goes on in a circle: it has begun ten thousand waits although it was cancelled")

const busy = 10_000

// install puts the probe into force, for everything under the ctx it returns,
// until the process's next one; the caller holds scheduling.
func (p *probe) install(ctx context.Context) (_ context.Context, remove func()) {
	begun := time.Now()
	park.SetFault(func(ctx context.Context, s park.Step) error {
		if ctx.Value(probeKey{}) != any(p) {
			return nil
		}
		p.mu.Lock()
		if s == park.Refused {
			p.refused++
			stop := p.refused > busy
			p.mu.Unlock()
			if stop {
				panic(errBusy)
			}
			return nil
		}
		now := point{step: s, since: time.Since(begun)}
		p.points = append(p.points, now)
		n := len(p.points)
		p.mu.Unlock()
		if p.act == nil {
			return nil
		}
		return p.act(ctx, n, now)
	})
	return context.WithValue(ctx, probeKey{}, p), func() { park.SetFault(nil) }
}

// siteNow names the user's code that is waiting.
func siteNow() string {
	pcs := make([]uintptr, 32)
	pcs = pcs[:runtime.Callers(1, pcs)]
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if f.Function != "" && !isOwn(f.Function) && !isKit(f.Function) {
			return fmt.Sprintf("%s:%d (%s)", f.File, f.Line, f.Function)
		}
		if !more {
			return ""
		}
	}
}
