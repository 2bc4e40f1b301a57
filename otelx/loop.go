package otelx

import (
	"context"
	"time"
)

// Loop is where a Monitor's measurements go. A nil Loop drops them. It is for
// Corral's own packages.
type Loop struct {
	m *Meter
	l label
}

// LoopOf returns where the measurements of the Monitor of that name go, or nil
// if nobody listens: the meter provider that applies to ctx.
func LoopOf(ctx context.Context, name string) *Loop {
	if m := MeterOf(ctx); m.on() {
		return &Loop{m, label{name}}
	}
	return nil
}

// Delay records a lag. If the task is known that has caused it, ctx is that
// task's, so that the exemplar leads to its span.
func (l *Loop) Delay(ctx context.Context, lag time.Duration) {
	if l != nil && l.m.on() {
		l.m.record(ctx, &l.m.loopDelay, lag.Seconds(), l.l)
	}
}

// Saturation records the Monitor's result.
func (l *Loop) Saturation(ctx context.Context, ratio float64) {
	if l != nil && l.m.on() {
		l.m.set(ctx, &l.m.saturation, ratio, l.l)
	}
}

// Runnable records how many goroutines are runnable for each processor.
func (l *Loop) Runnable(ctx context.Context, perProc float64) {
	if l != nil && l.m.on() {
		l.m.set(ctx, &l.m.runnable, perProc, l.l)
	}
}

func (m *Meter) set(ctx context.Context, p *point, v float64, l label) {
	defer m.rescue()
	p.inst.Record(ctx, v, p.of(l)...)
}
