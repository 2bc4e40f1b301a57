package monitor

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// gauged is how often the gauges are set, at most.
const gauged = time.Second

// run measures until ctx is cancelled. The Monitor was taken before.
func (m *Monitor) run(ctx context.Context) error {
	if f := seam.HostOf; f != nil {
		if h := f(ctx); h != nil {
			return m.runBeside(ctx, h)
		}
	}
	now := time.Now()
	m.begin(now)
	defer m.finish(time.Now)
	r := recorder{loop: otelx.LoopOf(ctx, m.name), ctx: spanless(ctx), next: now}
	if m.report != nil {
		defer label()()
		r.inquiry = newInquiry(m)
		defer func() { r.inquiry.end(&r) }()
	}
	for {
		m.turn(time.Now())
		if err := scope.Sleep(ctx, m.period); err != nil {
			return err
		}
		// A goroutine that its timer has woken jumps the queue; here it does not:
		// it goes to the end of the queue that all processors share. (Each has one
		// of its own, too, of at most 256, and after 61 of those lets in one that
		// waits in the shared one.)
		runtime.Gosched()
		now := time.Now()
		r.record(m, now, m.turned(now))
	}
}

// spanless is ctx without its span: a lag of which nobody knows who it was must
// not lead to the Monitor's own trace.
func spanless(ctx context.Context) context.Context {
	return trace.ContextWithSpan(context.WithoutCancel(ctx), nil)
}

func (m *Monitor) begin(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start, m.window = now, newWindow(m.length)
}

// turn begins a turn.
func (m *Monitor) turn(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began = now
}

// turned ends the turn, and returns the lag.
func (m *Monitor) turned(now time.Time) (lag time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.began = now.Sub(m.began), time.Time{}
	m.samples++
	lag = max(0, m.last-m.period)
	m.window.add(now.Sub(m.start), m.last, lag)
	return lag
}

// finish keeps what is left. Only the first call counts.
func (m *Monitor) finish(now func() time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end == nil {
		end := m.statsLocked(now())
		m.end = &end
	}
}

// recorder passes measurements on.
type recorder struct {
	loop    *otelx.Loop
	ctx     context.Context
	next    time.Time // when the gauges are due
	inquiry *inquiry  // nil without OnLag
	sched   [2]metrics.Sample
}

// record is called after each turn.
func (r *recorder) record(m *Monitor, now time.Time, lag time.Duration) {
	if r.inquiry == nil || !r.inquiry.takes(r, now, lag) {
		r.loop.Delay(r.ctx, lag)
	}
	r.gauge(m, now, r.runnable)
}

// gauge sets the gauges if they are due.
func (r *recorder) gauge(m *Monitor, now time.Time, runnable func() float64) {
	if r.loop == nil || now.Before(r.next) {
		return
	}
	r.next = now.Add(gauged)
	r.loop.Saturation(r.ctx, m.resultAt(now))
	r.loop.Runnable(r.ctx, runnable())
}

// runnable is how many goroutines are ready to run, for each processor.
func (r *recorder) runnable() float64 {
	r.sched[0].Name, r.sched[1].Name = "/sched/goroutines/runnable:goroutines", "/sched/gomaxprocs:threads"
	metrics.Read(r.sched[:])
	for _, s := range r.sched {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0 // a runtime that does not tell
		}
	}
	return float64(r.sched[0].Value.Uint64()) / float64(max(1, r.sched[1].Value.Uint64()))
}
