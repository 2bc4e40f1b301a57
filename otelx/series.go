package otelx

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// TaskSeries are the metrics of the tasks of one name. Nil records nothing. It
// is for Corral's own packages.
type TaskSeries struct {
	m        *Meter
	name     string
	active   atomic.Int64
	observed metric.ObserveOption
	schedule []metric.RecordOption
	success  []metric.RecordOption
}

func (m *Meter) newTaskSeries(s attribute.Set, l label) *TaskSeries {
	return &TaskSeries{
		m: m, name: l[0], observed: metric.WithAttributeSet(s),
		schedule: m.schedule.of(l),
		success:  m.taskDuration.of(label{l[0], Success.String()}),
	}
}

// Task returns the metrics of the tasks of a name, or nil.
func (m *Meter) Task(name string) *TaskSeries {
	if !m.on() {
		return nil
	}
	return m.tasks.of(label{name})
}

// Begin says that a task has begun, so long after it was spawned.
func (t *TaskSeries) Begin(ctx context.Context, delay time.Duration) {
	if t == nil {
		return
	}
	t.active.Add(1)
	if t.m.on() {
		defer t.m.rescue()
		t.m.schedule.inst.Record(ctx, delay.Seconds(), t.schedule...)
	}
}

// End says that a task has ended, so long after it had begun.
func (t *TaskSeries) End(ctx context.Context, o Outcome, took time.Duration) {
	if t == nil {
		return
	}
	t.active.Add(-1)
	if !t.m.on() {
		return
	}
	defer t.m.rescue()
	if o.Result == Success {
		t.m.taskDuration.inst.Record(ctx, took.Seconds(), t.success...)
		return
	}
	t.m.record(ctx, &t.m.taskDuration, took.Seconds(), label{t.name, o.Result.String(), o.errorType()})
	if c := o.Cause; c != nil && !c.At.IsZero() {
		t.m.record(ctx, &t.m.cancelLatency, max(0, time.Since(c.At).Seconds()), label{t.name, c.Kind})
	}
}

// Waited records how long an operation was blocked.
func (m *Meter) Waited(ctx context.Context, kind, name string, blocked time.Duration) {
	if m.on() {
		m.record(ctx, &m.wait, blocked.Seconds(), label{name, kind})
	}
}

// Operation records a finished operation; only queues have a metric for it.
func (m *Meter) Operation(ctx context.Context, l *Leaf) {
	if !m.on() || l.Kind != "put" && l.Kind != "get" {
		return
	}
	m.record(ctx, &m.queueOp, l.End.Sub(l.Start).Seconds(), label{l.Name, l.Kind, l.errorType()})
	if l.Kind == "get" && l.Err == nil && !l.Put.IsZero() {
		m.record(ctx, &m.timeInQueue, max(0, l.End.Sub(l.Put).Seconds()), label{l.Name})
	}
}

// suppress counts leaf spans that were not made.
func (m *Meter) suppress(ctx context.Context, op, reason string, n int) {
	if m.on() && n > 0 {
		defer m.rescue()
		m.suppressed.inst.Add(ctx, int64(n), m.suppressed.of(label{op, reason})...)
	}
}
