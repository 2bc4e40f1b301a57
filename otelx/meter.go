package otelx

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
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

	tasks  sets[*TaskSeries]
	levels levels

	// The instruments: see metricTable.
	taskDuration, schedule, cancelLatency, wait measure
	queueOp, timeInQueue, loopDelay             measure
	saturation, runnable                        point
	suppressed                                  count
	active, queueSize, queueCap                 observed
	usage, limit, pending                       observed
}

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
	var all []metric.Observable
	for i := range metricTable {
		row := &metricTable[i]
		inst := row.of(m)
		if err := inst.build(meter, row); err != nil {
			report(err)
		}
		if o, ok := inst.(*observed); ok && o.inst != nil {
			all = append(all, o.inst)
		}
	}
	m.tasks.row, m.tasks.made = m.taskDuration.row, m.newTaskSeries
	if _, err := meter.RegisterCallback(m.observe, all...); err != nil {
		report(err)
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
