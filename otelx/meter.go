package otelx

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// Meter is where metrics and log events go, whatever the level and whatever is
// sampled. Nil means that there is no SDK for either; every method is safe on
// nil, and then costs a nil check. It is for Corral's own packages.
type Meter struct {
	metrics metric.MeterProvider // nil: none
	logs    log.LoggerProvider   // nil: none
	logger  log.Logger
	broken  atomic.Bool // the meter provider has panicked, or there is none
	mute    atomic.Bool // the logger has panicked, or there is none

	tasks                  sets[*TaskSeries]
	taskDuration, schedule measure
	cancelLatency, wait    measure
	queueOp, timeInQueue   measure
	loopDelay              measure
	saturation, runnable   point
	suppressed             count
	active                 metric.Int64ObservableUpDownCounter
	levels                 levels
	queueSize, queueCap    metric.Int64ObservableUpDownCounter
	usage, limit, pending  metric.Int64ObservableUpDownCounter
}

// measure, point and count are instruments with the attribute sets they have
// been used with.
type (
	measure struct {
		sets[[]metric.RecordOption]
		inst metric.Float64Histogram
	}
	point struct {
		sets[[]metric.RecordOption]
		inst metric.Float64Gauge
	}
	count struct {
		sets[[]metric.AddOption]
		inst metric.Int64Counter
	}
)

func newMeter(mp metric.MeterProvider, lp log.LoggerProvider) *Meter {
	m := &Meter{metrics: mp, logs: lp}
	m.broken.Store(mp == nil)
	m.mute.Store(lp == nil)
	if mp != nil {
		m.build(mp)
	}
	if lp != nil {
		m.openLog(lp)
	}
	return m
}

// build makes the instruments. One that cannot be made is reported and does
// nothing.
func (m *Meter) build(mp metric.MeterProvider) {
	defer m.rescue()
	meter := mp.Meter(ScopeName, metric.WithInstrumentationVersion(version))
	m.taskDuration.build(meter, mTaskDuration)
	m.schedule.build(meter, mSchedule)
	m.cancelLatency.build(meter, mCancelLatency)
	m.wait.build(meter, mWait)
	m.queueOp.build(meter, mQueueOp)
	m.timeInQueue.build(meter, mTimeInQueue)
	m.loopDelay.build(meter, mLoopDelay)
	m.saturation.build(meter, mLoopSaturation)
	m.runnable.build(meter, mLoopRunnable)
	m.suppressed.build(meter, mSuppressed)
	m.tasks.row, m.tasks.made = mTaskActive, m.newTaskSeries
	var observed []metric.Observable
	for row, inst := range map[*metricRow]*metric.Int64ObservableUpDownCounter{
		mTaskActive: &m.active, mQueueSize: &m.queueSize, mQueueCapacity: &m.queueCap,
		mLimiterUsage: &m.usage, mLimiterLimit: &m.limit, mLimiterPending: &m.pending,
	} {
		i, err := meter.Int64ObservableUpDownCounter(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description))
		if err != nil {
			report(err)
		}
		if i != nil {
			*inst = i
			observed = append(observed, i)
		}
	}
	if _, err := meter.RegisterCallback(m.observe, observed...); err != nil {
		report(err)
	}
}

func recordOptions(s attribute.Set, _ label) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(s)}
}

func (h *measure) build(meter metric.Meter, row *metricRow) {
	h.row, h.made = row, recordOptions
	inst, err := meter.Float64Histogram(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description),
		metric.WithExplicitBucketBoundaries(row.boundaries...))
	if err != nil {
		report(err)
	}
	if h.inst = inst; inst == nil {
		h.inst = noop.Float64Histogram{}
	}
}

func (p *point) build(meter metric.Meter, row *metricRow) {
	p.row, p.made = row, recordOptions
	inst, err := meter.Float64Gauge(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description))
	if err != nil {
		report(err)
	}
	if p.inst = inst; inst == nil {
		p.inst = noop.Float64Gauge{}
	}
}

func (c *count) build(meter metric.Meter, row *metricRow) {
	c.row = row
	c.made = func(s attribute.Set, _ label) []metric.AddOption {
		return []metric.AddOption{metric.WithAttributeSet(s)}
	}
	inst, err := meter.Int64Counter(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.description))
	if err != nil {
		report(err)
	}
	if c.inst = inst; inst == nil {
		c.inst = noop.Int64Counter{}
	}
}

// Measures reports whether metrics are recorded.
func (m *Meter) Measures() bool { return m.on() }

func (m *Meter) on() bool { return m != nil && !m.broken.Load() }

// record measures v.
func (m *Meter) record(ctx context.Context, h *measure, v float64, l label) {
	defer m.rescue()
	h.inst.Record(ctx, v, h.of(l)...)
}

// rescue is deferred around every call into the meter provider. If that panics
// it is reported, and metrics are not recorded any more (R84).
func (m *Meter) rescue() {
	if v := recover(); v != nil && m.broken.CompareAndSwap(false, true) {
		report(fmt.Errorf("otelx: the meter provider panicked and is not called any more: %v", v))
	}
}

// report hands an error to the application's handler, which may panic, too.
func report(err error) {
	defer func() { _ = recover() }()
	otel.Handle(err)
}
