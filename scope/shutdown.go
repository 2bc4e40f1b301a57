package scope

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/corral-go/corral/otelx"
)

// drain is the first phase of a graceful shutdown: everybody inside has been
// told, nothing is cancelled yet.
type drain struct {
	reason error
	began  time.Time
	until  time.Time
	timer  *time.Timer
	over   time.Time // when the scope was cancelled for it, or zero
}

// Shutdown asks for a graceful end: [Stopping] closes at once for everything
// inside, and nothing is cancelled; after grace the scope is cancelled, with
// kind shutdown. A further call can only shorten the grace, its reason is
// ignored. A grace that is not positive cancels at once. Before Run it is kept
// for the scope to be, the grace counting from now; after the end it does
// nothing. A nil reason becomes one that says who called. Shutdown does not
// wait.
func (s *Scope) Shutdown(reason error, grace time.Duration) {
	if reason == nil {
		reason = errors.New("shutdown called by " + caller())
	}
	s.shutdown(reason, grace)
}

func (s *Scope) shutdown(reason error, grace time.Duration) {
	now := time.Now()
	until := now.Add(grace)
	s.mu.Lock()
	if s.settled {
		s.mu.Unlock()
		return
	}
	if s.drain == nil {
		s.drain = &drain{reason: reason, began: now, until: until}
	} else if until.Before(s.drain.until) {
		s.drain.until = until
	}
	running := s.phase != made
	if running {
		s.drain.armLocked(s)
	}
	s.mu.Unlock()
	if !running {
		return
	}
	s.tellStopping()
	if grace <= 0 {
		s.endDrain()
	}
}

// tellDrain makes the span of the graceful phase, once the scope ends: nothing
// is in it, and so it lies inside the scope's span.
func (s *Scope) tellDrain() {
	s.mu.Lock()
	began, over := s.drain.began, s.drain.over
	s.mu.Unlock()
	if began.Before(s.opened) {
		began = s.opened
	}
	_, span := s.place.Tracer.Start(s.place.Ctx, otelx.SpanStart{Kind: "shutdown", Name: s.nameNow(), Path: s.path(), At: began})
	span.End(otelx.Outcome{At: over})
}

// armLocked sets the timer that ends the grace.
func (d *drain) armLocked(s *Scope) {
	d.stopLocked(s)
	s.hooks++
	d.timer = time.AfterFunc(time.Until(d.until), func() {
		defer s.hookDone()
		s.endDrain()
	})
}

func (d *drain) stopLocked(s *Scope) {
	if d.timer != nil && d.timer.Stop() {
		s.hooks--
	}
	d.timer = nil
}

// endDrain is the second phase: the grace is over.
func (s *Scope) endDrain() {
	s.mu.Lock()
	d := s.drain
	over := !time.Now().Before(d.until)
	if over && d.over.IsZero() {
		d.over = time.Now()
	}
	s.mu.Unlock()
	if over {
		s.cancel(&CanceledError{Kind: KindShutdown, Scope: s.path(), Reason: d.reason, At: time.Now(), Span: s.place.Span.Context()}, false, nil)
	}
}

// Stopping is closed when a graceful shutdown of the scope of ctx, or of one
// around it, has begun: stop taking on work, finish what you have. A shield
// does not hide it. It is nil, and so never ready, if ctx carries no scope.
func Stopping(ctx context.Context) <-chan struct{} {
	s := From(ctx)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	if s.stopping == nil {
		s.stopping = make(chan struct{})
	}
	ch := s.stopping
	s.mu.Unlock()
	for x := s; x != nil; x = x.parent() {
		x.mu.Lock()
		told := x.drain != nil
		x.mu.Unlock()
		if told {
			s.closeStopping()
			break
		}
	}
	return ch
}

func (s *Scope) parent() *Scope {
	if s.up == nil {
		return nil
	}
	return scopeOf(s.up)
}

// tellStopping closes Stopping of every scope inside.
func (s *Scope) tellStopping() {
	for work := []*Scope{s}; len(work) > 0; {
		x := work[len(work)-1]
		work = work[:len(work)-1]
		x.closeStopping()
		x.mu.Lock()
		for n := x.inner; n != nil; n = n.next {
			work = append(work, n)
		}
		for c := x.tasks; c != nil; c = c.next {
			c.mu.Lock()
			for n := c.inner; n != nil; n = n.next {
				work = append(work, n)
			}
			c.mu.Unlock()
		}
		x.mu.Unlock()
	}
}

// closeStopping closes the scope's channel, if anybody has asked for it.
func (s *Scope) closeStopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping == nil {
		return
	}
	select {
	case <-s.stopping:
	default:
		close(s.stopping)
	}
}

// watchSignalsLocked starts the watch that [Signals] asked for.
func (s *Scope) watchSignalsLocked() {
	sig := s.signals.sig
	if len(sig) == 0 {
		sig = []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	w := &signalWatch{s: s, grace: s.signals.grace, in: make(chan os.Signal, 2)}
	signal.Notify(w.in, sig...)
	s.hooks++
	s.unhook = append(s.unhook, func() bool {
		signal.Stop(w.in)
		close(w.in)
		return false
	})
	s.exec.Aside(w)
}

// signalWatch is the goroutine that waits for signals.
type signalWatch struct {
	s     *Scope
	grace time.Duration
	in    chan os.Signal
}

// Execute shuts the scope down at the first signal and cancels it at the next.
func (w *signalWatch) Execute() {
	defer w.s.hookDone()
	for n := 0; ; n++ {
		sig, ok := <-w.in
		if !ok {
			return
		}
		reason := signalReason(sig)
		if n > 0 {
			w.s.cancel(&CanceledError{Kind: KindShutdown, Scope: w.s.path(), Reason: reason, At: time.Now(), Span: w.s.place.Span.Context()}, false, nil)
			continue
		}
		w.s.shutdown(reason, w.grace)
	}
}

func signalReason(sig os.Signal) error { return fmt.Errorf("signal: %v", sig) }
