package monitor

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/capture"
)

const (
	inquiryTime = 333 * time.Millisecond // how long one lasts
	inquiryRest = 10 * time.Second       // from the begin of one to that of the next
	maxCulprits = 8
	maxLags     = 256 // that one inquiry is about
)

// Report says who held the processors when a lag passed the threshold.
type Report struct {
	// At is when the lag was measured.
	At time.Time
	// Lag is by how much the turn took longer than the period, so far if it still
	// goes on: see [OnLag].
	Lag time.Duration
	// Culprits are those who used most CPU time since then, the worst first;
	// at most eight. It is empty if nobody used any that could be measured.
	Culprits []Culprit
}

// Culprit is who held a processor.
type Culprit struct {
	// Task is the path of a task, or its name if it has ended meanwhile; tasks
	// with the same path are one culprit. It is "" for what is no task of ours,
	// and for the garbage collector: Stack tells what. On a host's loop "" is the
	// host itself. The body of a scope has the scope's path.
	Task string
	// CPU is the CPU time in the profile, of all processors. It is 0 if the
	// process was being profiled already: then the culprits are those whom a
	// few looks at all goroutines have found running, the most often first. On a
	// host's loop it is how long they have had the thread since the lag began,
	// also in a call that blocked.
	CPU time.Duration
	// Stack is where most of that was, as text: the function that ran first,
	// then its callers. On a host's loop only of who had the thread when the lag
	// passed the threshold: where he was then.
	Stack []byte
}

// culprit is one with the span of its task.
type culprit struct {
	Culprit
	span trace.SpanContext
}

// A witness finds out who runs. It is used by one goroutine.
type witness interface {
	begin()
	look(now time.Time) // called now and then
	end() []culprit
}

// inquiry is what a Monitor does about lags over its threshold.
type inquiry struct {
	m       *Monitor
	witness witness
	open    bool
	report  Report
	over    time.Time       // when the open one is to end
	next    time.Time       // when there may be another
	lags    []time.Duration // that the open one is about
	teller  teller
}

func newInquiry(m *Monitor) *inquiry {
	q := &inquiry{m: m, witness: m.witness}
	if q.witness == nil {
		q.witness = new(profiler)
	}
	return q
}

// takes is called after each turn. It reports whether it takes care of
// recording the lag.
func (q *inquiry) takes(r *recorder, now time.Time, lag time.Duration) bool {
	if q.open {
		q.witness.look(now)
	}
	taken := false
	switch {
	case lag <= q.m.threshold:
	case q.open && len(q.lags) < maxLags:
		q.lags = append(q.lags, lag)
		taken = true
	case !q.open && !now.Before(q.next):
		q.open, q.over, q.next = true, now.Add(inquiryTime), now.Add(inquiryRest)
		q.report = Report{At: now, Lag: lag}
		q.lags = append(q.lags[:0], lag)
		q.witness.begin()
		taken = true
	}
	if q.open && !now.Before(q.over) {
		q.end(r)
	}
	return taken
}

// end closes the open inquiry, if there is one: the lags are recorded where the
// worst culprit's span is current, and the report is made.
func (q *inquiry) end(r *recorder) {
	if !q.open {
		return
	}
	q.open = false
	found := q.witness.end()
	ctx := r.ctx
	for _, c := range found {
		if c.Task != "" { // the worst of those that have a trace
			ctx = trace.ContextWithSpanContext(ctx, c.span)
			break
		}
	}
	for _, lag := range q.lags {
		r.loop.Delay(ctx, lag)
	}
	for _, c := range found {
		q.report.Culprits = append(q.report.Culprits, c.Culprit)
	}
	q.teller.tell(q.m, q.report)
}

// teller tells the user, unless his function has panicked.
type teller struct{ mute bool }

// tell calls the user's function.
func (t *teller) tell(m *Monitor, r Report) {
	if t.mute {
		return
	}
	out := capture.Call(context.Background(), capture.Func(func(context.Context) error {
		m.report(r)
		return nil
	}))
	if out.Panic != nil {
		t.mute = true
		slog.Error("monitor: the function given to OnLag panicked and is not called any more", "panic", out.Panic.Value, "stack", string(out.Panic.Stack))
	}
}
