package scope

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
)

// runner is a task as the executor runs it.
type runner Child

// Execute runs the task from its first instruction to its release. A task that
// was cancelled before never begins (R37).
//
// What every task goes through is kept shallow, and what few need is in calls
// of its own: a fresh goroutine has room for a kilobyte of frames, and growing
// its stack costs more than all of the rest.
func (r *runner) Execute() {
	c := (*Child)(r)
	var e ending
	defer func() {
		if e.at != released { // by Goexit
			c.exited(&e)
		}
	}()
	if (*taskContext)(c).Err() != nil {
		e = c.neverBegan()
	} else {
		c.scope.watch.label()
		c.begin()
		c.sort(&e, capture.Call(c.place.Ctx, c.job))
	}
	if e.failed || c.kind.main || c.place.Span != nil || c.series != nil || c.finishes {
		c.conclude(&e)
	} else {
		c.publish(e.state, e.err)
	}
	if c.labelled {
		seam.Unlabel(c.scope.std)
	}
	e.at = released
	c.release(&e).WakeBy(&c.strand)
}

// exited goes on where the task's function, or a handler or callback of the
// user after it, ends the goroutine, while it does; and so may the next.
func (c *Child) exited(e *ending) {
	defer func() {
		if e.at != released {
			c.exited(e)
		}
	}()
	if e.at == running {
		c.sort(e, capture.Outcome{Goexit: true})
	} else {
		c.failBeside(ErrGoexit, false)
	}
	c.conclude(e)
	e.at = released
	c.release(e).WakeBy(&c.strand)
}

// neverBegan is the ending of a task that was cancelled before it began.
func (c *Child) neverBegan() ending {
	cause := CauseOf(c.place.Ctx)
	return ending{state: Canceled, err: cause, failed: c.wasRaised(cause)}
}

// begin starts the task's span and deadline.
func (c *Child) begin() {
	c.begun.Store(c.scope.now().UnixNano())
	if label := seam.Label.Load(); label != nil {
		(*label)(c)
		c.labelled = true
	}
	if c.place.Tracer != nil {
		c.startSpan()
	}
	if c.place.Meter != nil {
		c.startSeries()
	}
	if r := c.rare; r != nil && r.timed {
		c.startDeadline(r)
	}
	c.state.Store(uint32(Running))
}

func (c *Child) begunAt() time.Time {
	if ns := c.begun.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// startDeadline bounds the function by the task's own deadline. It may meet a
// Cancel that was first, and then comes too late.
func (c *Child) startDeadline(r *rare) {
	at := r.deadline
	if r.timeout != nil {
		at = earliest(at, time.Now().Add(*r.timeout))
	}
	due := &CanceledError{Kind: KindDeadline, Scope: c.scope.path(), Task: c.path(), Reason: context.DeadlineExceeded, At: at, Span: c.place.Span.Context()}
	c.mu.Lock()
	if c.own.Load() == nil {
		c.due = due
	}
	own := c.cancelableLocked()
	c.mu.Unlock()
	if c.due != nil {
		c.scope.watchTask(c, own)
	}
}

// watchTask has the task's deadline wake what waits in the task.
func (s *Scope) watchTask(c *Child, own *ownContext) {
	s.mu.Lock()
	s.hooks++
	s.mu.Unlock()
	stop := context.AfterFunc(own, func() {
		defer s.hookDone()
		own.note()
		c.strand.Poke(otelx.Release{})
		for _, inner := range c.innerScopes(nil) {
			inner.spread(whyOf(own))
		}
	})
	own.unwatch = func() {
		if stop() {
			s.hookDone()
		}
	}
}

// startSpan starts the task's span below the scope's, linked to the spawner's,
// and puts it where the task's ctx answers with it.
func (c *Child) startSpan() {
	begun := c.begunAt()
	base := c.values
	scopeSpan := trace.SpanFromContext(c.scope.std)
	if base == nil {
		base = c.scope.std
	} else {
		base = trace.ContextWithSpan(base, scopeSpan)
	}
	ctx, span := c.place.Tracer.Start(base, otelx.SpanStart{
		Kind: "task", Name: c.Name(), Path: c.scope.place.Span.Path(), ID: c.id,
		Background: c.kind.background, NewRoot: c.kind.newRoot || c.kind.background,
		Link: c.strand.Track().Spawner, ScheduleDelay: c.delay(), Func: c.fn, At: begun,
	})
	c.values = context.WithoutCancel(ctx)
	if !span.Recording() {
		c.place.Tracer = nil
	}
	c.mu.Lock()
	c.place.Span = span
	c.mu.Unlock()
}

// startSeries counts the task in.
func (c *Child) startSeries() {
	if c.series = c.place.Meter.Task(c.Name()); c.series != nil {
		c.series.Begin(c.measured(), c.delay())
	}
}

// delay is how long the task waited for its turn and a goroutine.
func (c *Child) delay() time.Duration { return time.Duration(c.begun.Load() - c.spawned) }

// measured is the context to measure the task in: only one that leads to a span
// is worth a look.
func (c *Child) measured() context.Context {
	if c.place.Tracer != nil {
		return c.place.Ctx
	}
	return context.Background()
}

// ending is how a task ended, as it is told to the scope and the span.
type ending struct {
	state  State
	err    error
	begun  bool
	panic  bool // err is a panic
	goexit bool
	failed bool // the scope is to hear of err
	again  bool // err was told of before: an inner Run has raised it again

	handled error          // the failure, if the task's handler took care of it
	beside  *CanceledError // the cancellation that a failure was joined with

	at  step
	job capture.Job // once it is published: what has finished
}

// step is how far a task has come. What it names is the user's code, which may
// end the goroutine: then exited goes on with the next.
type step uint8

const (
	running step = iota
	handling
	supervising
	calling
	released
)

// seal waits for scopes that somebody else has opened in the task, and lets no
// new ones in.
func (c *Child) seal() {
	c.mu.Lock()
	c.sealLocked()
	c.mu.Unlock()
}

func (c *Child) sealLocked() {
	if c.inner != nil {
		c.awaitInnerLocked()
	}
	c.sealed = true
}

func (c *Child) awaitInnerLocked() {
	for c.inner != nil {
		var t park.Ticket
		park.Join(&c.place, &c.mu, &c.exit, &t, (*joining)(c.inner))
		c.mu.Lock()
	}
}

// sort tells success, failure and cancellation apart (R15, R31, R34, R35, R38).
func (c *Child) sort(e *ending, out capture.Outcome) {
	if out == (capture.Outcome{}) {
		e.state, e.begun = Succeeded, true
		return
	}
	c.seal()
	*e = c.sortFailure(out)
	if e.state == Failed && c.rare != nil && c.rare.handle != nil {
		e.at = handling
		c.handled(e)
	}
}

func (c *Child) sortFailure(out capture.Outcome) ending {
	ctx := c.place.Ctx
	switch {
	case out.Panic != nil:
		_, again := out.Panic.Value.(*PanicError)
		return ending{state: Failed, err: panicError(out.Panic, c.path()), begun: true, panic: true, failed: true, again: again}
	case out.Goexit:
		return ending{state: Failed, err: ErrGoexit, begun: true, goexit: true, failed: true}
	}
	awaitDue(ctx, c.scope.timed)
	failure, canceled := split(ctx, out.Err)
	cause := CauseOf(ctx)
	switch {
	case failure != nil && canceled:
		return ending{state: Failed, err: failure, begun: true, failed: true, beside: cause}
	case failure != nil:
		return ending{state: Failed, err: failure, begun: true, failed: true}
	}
	if cause == c.due { // its own time was up: nobody else knows, so it fails
		return ending{state: Failed, err: cause, begun: true, failed: true}
	}
	return ending{state: Canceled, err: cause, begun: true, failed: c.wasRaised(cause)}
}

// wasRaised reports whether cause was given with [Raise].
func (c *Child) wasRaised(cause *CanceledError) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cause == c.raised
}

// handled offers a failure to the task's error handler (R33).
func (c *Child) handled(e *ending) {
	h := &handler{handle: c.rare.handle, err: e.err}
	switch out := capture.Call(c.place.Ctx, h); {
	case out.Panic != nil:
		c.failBeside(panicError(out.Panic, c.path()), true)
	case h.ok:
		c.report(*e, true)
		*e = ending{state: Succeeded, begun: true, handled: e.err, beside: e.beside}
	}
}

// handler is one call of an error handler.
type handler struct {
	handle func(context.Context, error) bool
	err    error
	ok     bool
}

// Run calls the handler.
func (h *handler) Run(ctx context.Context) error {
	h.ok = h.handle(ctx, h.err)
	return nil
}

// conclude ends the task, in the order of R41: result stored, state published,
// Done closed, callbacks, span ended; the caller then releases the scope.
//
// A failure is listed first, so that whoever passes the error on comes second,
// and cancels the scope right after Done closed: whoever waits sees the failure
// and not the cancellation that follows from it (R31).
//
// It may be called again, if user code has ended the goroutine meanwhile, and
// goes on with what comes after that.
func (c *Child) conclude(e *ending) {
	if e.at < supervising {
		e.at = supervising
		c.announce(e)
		if e.failed && c.scope.onError != nil {
			c.supervised(e.err)
		}
	}
	e.at = calling
	if c.finishes {
		if err := e.job.(seam.Finisher).Finished(e.handled); err != nil {
			c.failBeside(panicError(&capture.Panic{Value: err}, c.path()), true)
		}
	}
	if c.kind.main {
		c.endScope()
	}
	if c.place.Span != nil || c.series != nil {
		c.tell(e)
	}
}

// tell ends the task's span, and counts it out.
func (c *Child) tell(e *ending) {
	o := c.outcome(e)
	if o.At = c.place.Span.Seal(); o.At.IsZero() {
		o.At = time.Now()
	}
	c.series.End(c.measured(), o, time.Duration(o.At.UnixNano()-c.begun.Load()))
	c.series = nil
	o.Track = c.strand.Track()
	c.place.Span.End(o)
}

// announce publishes the result, with what it means for the scope.
func (c *Child) announce(e *ending) {
	e.job = c.job
	s := c.scope
	fails := e.failed && s.failsFor(e.panic)
	var cause *CanceledError
	if fails {
		cause = s.record(c, e.err, e.panic)
	}
	came := c.publish(e.state, e.err)
	if cause != nil {
		s.cancel(cause, false, &c.strand)
	}
	if e.state == Failed && !fails && s.onError == nil && !came {
		s.keepUnread(c)
	}
	if e.state == Failed && (cause != nil || !fails) {
		c.report(*e, !fails && s.onError != nil)
	}
}

// failsFor reports whether a task's failure fails the scope. Under supervision
// it does not, except for a panic that no handler would hear of.
func (s *Scope) failsFor(panicked bool) bool {
	return !s.isSupervised || panicked && s.onError == nil
}

// failBeside fails the scope for something other than the task's own outcome:
// a panic in a handler or callback.
func (c *Child) failBeside(err error, panicked bool) {
	if cause := c.scope.record(c, err, panicked); cause != nil {
		c.scope.cancel(cause, false, &c.strand)
		c.report(ending{state: Failed, err: err, panic: panicked}, false)
	}
}

// endScope ends the scope with its Main task (R44).
func (c *Child) endScope() {
	c.scope.cancel(&CanceledError{
		Kind: KindScopeDone, Scope: c.scope.path(), Task: c.path(), Reason: errMain, At: time.Now(), Span: c.place.Span.Context(),
	}, false, &c.strand)
}

// publish makes the result known: state, waiters, Done. It reports whether
// anybody waited for it, or watched it.
func (c *Child) publish(state State, err error) (came bool) {
	c.mu.Lock()
	if !c.sealed { // it has succeeded: one lock is enough
		c.sealLocked()
	}
	c.err = err
	c.gone = true
	c.reached = c.strand.Track() != nil && c.scope.std.Err() != nil
	c.job = nil
	c.state.Store(uint32(state))
	c.mu.Unlock()
	return c.latch.Close(&c.strand)
}

var errMain = errors.New("the main task has ended")

// release lets the task go: nothing of it is left in the scope. The caller
// wakes whom it returns.
func (c *Child) release(e *ending) (body *park.Ticket) {
	s := c.scope
	s.watch.clear(c)
	if own := c.own.Load(); own != nil { // none is made any more: see gone
		own.end(s)
	}
	c.rare = nil
	s.mu.Lock()
	if e.begun && (e.state == Canceled || e.beside != nil) && !s.ended && !s.settled {
		s.mu.Unlock()
		canceled := e.state == Canceled && c.endedByScope(e.err) || e.beside != nil && c.endedByScope(e.beside)
		s.mu.Lock()
		s.ended = s.ended || canceled && !s.settled
	}
	if c.reached {
		s.effectLocked().add(1, time.Now())
	}
	if !c.holds {
		body = s.unlinkLocked(c)
		s.mu.Unlock()
		return body
	}
	c.holds = false
	s.running--
	turn := s.nextTurnLocked()
	body = s.unlinkLocked(c)
	s.mu.Unlock()
	s.startTurn(turn, &c.strand)
	return body
}

// endedByScope reports whether a task's cancellation was its scope's.
func (c *Child) endedByScope(err error) bool {
	return c.scope.std.Err() != nil && sameError(err, c.scope.causeOfStd())
}

// supervised hands the task's failure to the scope's handler (R32).
func (c *Child) supervised(err error) {
	onError := c.scope.onError
	out := capture.Call(c.place.Ctx, capture.Func(func(context.Context) error { onError(err); return nil }))
	if out.Panic != nil {
		c.failBeside(panicError(out.Panic, c.path()), true)
	}
}

// outcome is what the task's span says of its end.
func (c *Child) outcome(e *ending) otelx.Outcome {
	o := otelx.Outcome{Result: otelx.Success, Err: e.err}
	switch {
	case e.panic:
		o.Result = otelx.Panic
	case e.goexit:
		o.Result = otelx.Goexit
	case e.state == Failed:
		o.Result = otelx.Failure
	case e.state == Canceled:
		o.Result = otelx.Cancellation
	}
	if cause, ok := e.err.(*CanceledError); ok && (e.state == Canceled || cause == c.due) { //nolint:errorlint // sort's own value
		o.Cause = explain(cause)
		if o.Cause.Deadline {
			o.Result = otelx.Timeout
		}
	}
	return o
}
