package otelx

import (
	"context"
	"sync"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// QueueLevel is a queue as it is measured when metrics are collected. A
// capacity that is not positive means unbounded. It is for Corral's own
// packages.
type QueueLevel interface {
	QueueLevel() (name string, size, capacity int)
}

// LimiterLevel is a limiter as it is measured when metrics are collected. It is
// for Corral's own packages.
type LimiterLevel interface {
	LimiterLevel() (name string, usage, limit, pending int)
}

// WatchQueue has q measured whenever m's metrics are collected, as long as q
// lives: it is not kept alive. To be called once for each q.
func WatchQueue[T any, P interface {
	*T
	QueueLevel
}](m *Meter, q P) {
	m.watch(watched[T, P](q))
}

// WatchLimiter is [WatchQueue] for a limiter.
func WatchLimiter[T any, P interface {
	*T
	LimiterLevel
}](m *Meter, l P) {
	m.watch(watched[T, P](l))
}

func watched[T any, P interface{ *T }](p P) func() any {
	w := weak.Make((*T)(p))
	return func() any {
		if v := w.Value(); v != nil {
			return P(v)
		}
		return nil
	}
}

// levels are the queues and limiters that are measured.
type levels struct {
	mu   sync.Mutex // guards the rest
	list []func() any
	full int // clean up when the list is that long
}

func (m *Meter) watch(w func() any) {
	if !m.on() {
		return
	}
	l := &m.levels
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, w)
	if len(l.list) > l.full {
		l.liveLocked()
		l.full = max(64, 2*len(l.list))
	}
}

// liveLocked returns those that are alive, and forgets the others.
func (l *levels) liveLocked() []any {
	var alive []any
	kept := l.list[:0]
	for _, w := range l.list {
		if v := w(); v != nil {
			alive, kept = append(alive, v), append(kept, w)
		}
	}
	clear(l.list[len(kept):])
	l.list = kept
	return alive
}

// observe is called when metrics are collected.
func (m *Meter) observe(_ context.Context, o metric.Observer) error {
	defer m.rescue()
	for _, t := range m.tasks.all() {
		o.ObserveInt64(m.active, t.active.Load(), t.observed)
	}
	m.levels.mu.Lock()
	alive := m.levels.liveLocked()
	m.levels.mu.Unlock()
	queues, limiters := map[string][2]int{}, map[string][3]int{}
	for _, v := range alive {
		switch v := v.(type) {
		case QueueLevel:
			name, size, capacity := v.QueueLevel()
			name = foldInto(queues, name)
			sum := queues[name]
			queues[name] = [2]int{sum[0] + size, sum[1] + max(0, capacity)}
		case LimiterLevel:
			name, usage, limit, pending := v.LimiterLevel()
			name = foldInto(limiters, name)
			sum := limiters[name]
			limiters[name] = [3]int{sum[0] + usage, sum[1] + limit, sum[2] + pending}
		}
	}
	for name, sum := range queues {
		set := metric.WithAttributeSet(attribute.NewSet(attrQueueName.String(name)))
		o.ObserveInt64(m.queueSize, int64(sum[0]), set)
		if sum[1] > 0 {
			o.ObserveInt64(m.queueCap, int64(sum[1]), set)
		}
	}
	for name, sum := range limiters {
		set := metric.WithAttributeSet(attribute.NewSet(attrLimiterName.String(name)))
		o.ObserveInt64(m.usage, int64(sum[0]), set)
		o.ObserveInt64(m.limit, int64(sum[1]), set)
		o.ObserveInt64(m.pending, int64(sum[2]), set)
	}
	return nil
}

// foldInto returns the name under which something is summed up.
func foldInto[V any](sums map[string]V, name string) string {
	if name == "" {
		return unnamed
	}
	name = clip(name)
	if _, ok := sums[name]; !ok && len(sums) >= maxSets {
		return others
	}
	return name
}
