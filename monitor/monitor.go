package monitor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

const (
	defaultPeriod = 10 * time.Millisecond
	defaultWindow = time.Minute
)

// Option shapes a Monitor. A nil Option is ignored; of several of a kind the
// last counts.
type Option interface{ applyMonitor() }

type (
	periodOption time.Duration
	windowOption time.Duration
	nameOption   string
	lagOption    struct {
		threshold time.Duration
		report    func(Report)
	}
)

func (periodOption) applyMonitor() {}
func (windowOption) applyMonitor() {}
func (nameOption) applyMonitor()   {}
func (lagOption) applyMonitor()    {}

// Period is the time between two measurements, 10 ms without it. The shorter,
// the more there are, and the more they cost: see the package's benchmarks. It
// panics if d is not positive.
func Period(d time.Duration) Option {
	if d <= 0 {
		panic("monitor: Period(" + d.String() + "): it has to be positive; leave it out for 10ms")
	}
	return periodOption(d)
}

// Window is over what time the [Monitor.Result] is a mean, and [Monitor.Stats]
// are kept: one minute without it. It moves in steps of a sixtieth. It panics if
// d is not positive.
func Window(d time.Duration) Option {
	if d <= 0 {
		panic("monitor: Window(" + d.String() + "): it has to be positive; leave it out for one minute")
	}
	return windowOption(d)
}

// Name names the Monitor in the metrics, as the attribute corral.loop.name.
// Without it the loop of a guest run has the name of the run's scope.
func Name(name string) Option { return nameOption(name) }

// OnLag looks for who did it when a lag passes the threshold: for a third of a
// second it has a CPU profile taken, in which the goroutines of tasks that began
// while the Monitor runs are labelled with their task. Then it calls report, on
// the Monitor's goroutine: measuring goes on when report returns. If report
// panics, that is logged with slog, and it is not called again.
//
// This happens at most once in ten seconds; lags in between are measured, and
// nothing more. Who has burst and gone before the profile began is not found.
//
// Of a host's loop (see [Monitor]) it is known whose step has the thread, and no
// profile is taken: the report is made when the lag is over, or a third of a
// second after it has passed the threshold, while the host is still frozen.
// report is called on a goroutine then, not on the host's thread. While such a
// Monitor runs, every step of a host task pays for two looks at the clock.
//
// While the Monitor runs, every task that begins pays for its label; with no
// Monitor that has OnLag there is none. It panics if threshold is not positive
// or report is nil.
func OnLag(threshold time.Duration, report func(Report)) Option {
	if threshold <= 0 {
		panic("monitor: OnLag with a threshold of " + threshold.String() + ": it has to be positive, and well above the lag of an idle program")
	}
	if report == nil {
		panic("monitor: OnLag with a nil function: pass what to call with the report, or leave OnLag out")
	}
	return lagOption{threshold, report}
}

// A Monitor measures how long a goroutine that could run has to wait until it
// does: the scheduler lag. It sleeps for a period and then stands in line once
// with everybody else (runtime.Gosched); the time both take, divided by the
// period, is 1 in a program that idles, and grows in proportion with the number
// of goroutines that are ready to run.
//
// With the ctx of a guest run (package scope/guest; of a host task, or one derived
// from that) it measures the host's loop instead, as the host sees it: once a
// period, by how much the host is late to call what it was given to call. It does
// so from a goroutine, and sees a frozen host while that lasts. The host has one
// call more to make for every period.
//
// It runs only while [Monitor.Run] or [Monitor.Watch] does, once. All methods
// may be called from any goroutine. A Monitor must not be copied. The model is
// the lag monitor of an event loop.
type Monitor struct {
	period    time.Duration
	length    time.Duration // of the window
	name      string
	threshold time.Duration
	report    func(Report)
	witness   witness // for tests; nil: a profiler

	mu      sync.Mutex // guards the rest
	used    bool
	start   time.Time // zero: it has not begun
	began   time.Time // of the turn that is under way; zero: none is
	last    time.Duration
	samples uint64
	window  window
	end     *Stats // what is left when it has ended
}

// New makes a Monitor. It panics if the window is shorter than the period.
func New(opts ...Option) *Monitor {
	m := &Monitor{period: defaultPeriod, length: defaultWindow}
	for _, o := range opts {
		switch o := o.(type) {
		case periodOption:
			m.period = time.Duration(o)
		case windowOption:
			m.length = time.Duration(o)
		case nameOption:
			m.name = string(o)
		case lagOption:
			m.threshold, m.report = o.threshold, o.report
		}
	}
	if m.length < m.period {
		panic("monitor: a Window of " + m.length.String() + " with a Period of " + m.period.String() + ": the window has to hold at least one measurement")
	}
	return m
}

// Run measures until ctx is cancelled, on the caller's goroutine, and returns
// why it was. With the ctx of a guest run it measures the host's loop; if it is on
// a goroutine, it returns nil when that run has ended. A Monitor runs once: another Run or Watch, at the same time or
// later, returns an error that is (errors.Is) scope.ErrInUse, and leaves the
// first alone. It is best run as a Background task, which does not keep its
// scope open. It panics if ctx is nil.
//
// A Monitor's timer hides a deadlock of everything else from the runtime.
func (m *Monitor) Run(ctx context.Context) error {
	if ctx == nil {
		panic("monitor: Run with a nil ctx: pass the ctx of the scope or task that measures")
	}
	if err := park.Check(ctx); err != nil {
		return err
	}
	if err := m.take(); err != nil {
		return err
	}
	return m.run(ctx)
}

// Watch runs body in a scope, and measures while it and its tasks run. It
// returns what scope.Run does. If the Monitor was used before, body does not
// run, and the error is as with [Monitor.Run]. It panics if ctx or body is nil.
func (m *Monitor) Watch(ctx context.Context, body func(ctx context.Context) error) error {
	if ctx == nil || body == nil {
		panic("monitor: Watch with a nil ctx or body: pass both")
	}
	if err := m.take(); err != nil {
		return err
	}
	defer m.finish(time.Now) // if there was no Background task any more
	return scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, m.run, scope.Background(), scope.Name("monitor"))
		return body(ctx)
	}, scope.Name("watch"))
}

// take makes the Monitor the caller's.
func (m *Monitor) take() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used {
		return errInUse
	}
	m.used = true
	return nil
}

// Result is the mean over the window of how long a turn took, divided by the
// period: 1 in a program that idles, and the higher the more is ready to run.
// The turn that is under way counts as soon as it has taken longer than the one
// before, so that the Result rises while nobody gets to measure. Every turn
// counts for as long as it took. It is never below 1; it is 1 before the first
// measurement, and keeps its last value when Run has ended.
func (m *Monitor) Result() float64 { return m.resultAt(time.Now()) }

// Stats are measurements of the window; they keep their last values when Run has
// ended.
type Stats struct {
	// Samples is how many measurements there were, ever.
	Samples uint64
	// Last, Mean and Max are turns divided by the period. Mean is the Result.
	// The turn that is under way counts as it does there.
	Last, Mean, Max float64
	// LagP50, LagP99 and LagMax are by how much turns took longer than the
	// period: half of them, 99 in a hundred, and all, at most. The first two are
	// known to within a quarter.
	LagP50, LagP99, LagMax time.Duration
	// Lags counts these, from the shortest on: those up to each of the
	// [LagBounds], and at last those above.
	Lags [15]uint64
	// Window is what [Window] has set.
	Window time.Duration
}

// LagBounds returns the bounds of [Stats.Lags], which are those of the histogram
// corral.loop.delay. A lag that is equal to one is counted with it.
func LagBounds() []time.Duration { return slices.Clone(lagBounds[:]) }

// Stats returns the measurements.
func (m *Monitor) Stats() Stats { return m.statsAt(time.Now()) }

func (m *Monitor) resultAt(now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end != nil {
		return m.end.Mean
	}
	t, _ := m.totalLocked(now)
	return m.ratio(t.mean())
}

func (m *Monitor) statsAt(now time.Time) Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end != nil {
		return *m.end
	}
	return m.statsLocked(now)
}

func (m *Monitor) statsLocked(now time.Time) Stats {
	t, last := m.totalLocked(now)
	s := Stats{
		Samples: m.samples, Last: m.ratio(last.Seconds()), Mean: m.ratio(t.mean()), Max: m.ratio(t.longest.Seconds()),
		LagMax: max(0, t.longest-m.period), Lags: t.bounded, Window: m.length,
	}
	if t.n > 0 {
		q := m.window.quantiles(0.5, 0.99)
		s.LagP50, s.LagP99 = min(q[0], s.LagMax), min(q[1], s.LagMax)
	}
	return s
}

// ratio is a turn of that many seconds in periods, and at least 1.
func (m *Monitor) ratio(seconds float64) float64 {
	if m.period <= 0 { // the zero Monitor
		return 1
	}
	return max(1, seconds/m.period.Seconds())
}

// totalLocked sums up the window, with the turn that is under way if that is
// longer than the last, and returns the longer of these two.
func (m *Monitor) totalLocked(now time.Time) (t slot, last time.Duration) {
	if m.start.IsZero() {
		return slot{}, 0
	}
	m.window.move(now.Sub(m.start))
	t, last = m.window.total(), m.last
	if m.began.IsZero() || m.samples == 0 && now.Sub(m.began) <= m.period {
		return t, last
	}
	if turn := now.Sub(m.began); turn > last {
		last = turn
		t.seconds += turn.Seconds()
		t.squares += turn.Seconds() * turn.Seconds()
		t.longest = max(t.longest, turn)
		t.bounded[bound(max(0, turn-m.period))]++
	}
	return t, last
}

// inUse is the error of a second Run.
type inUse struct{}

var errInUse error = inUse{}

func (inUse) Error() string {
	return "monitor: the Monitor has been run before: it runs once, make another with monitor.New"
}
func (inUse) ErrorType() string    { return "in_use" }
func (inUse) Is(target error) bool { return target == scope.ErrInUse } //nolint:errorlint // identity is the question here
