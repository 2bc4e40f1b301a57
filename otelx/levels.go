package otelx

import (
	"context"
	"sync"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// QueueLevel is a queue as it is measured when metrics are collected. A
// capacity that is not positive means unbounded. One that is over, closed and
// empty, does not count any more: nothing will ever be in it again. It is for
// Corral's own packages.
type QueueLevel interface {
	QueueLevel() (name string, size, capacity int, over bool)
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

// Watched returns the queues and limiters that are measured and alive, for who
// looks at them; ok is false if somebody holds the lock of their list.
func (m *Meter) Watched() (alive []any, ok bool) {
	if m == nil {
		return nil, true
	}
	for range 1000 {
		if m.levels.mu.TryLock() {
			defer m.levels.mu.Unlock()
			return m.levels.liveLocked(), true
		}
	}
	return nil, false
}

// observe is called when metrics are collected.
func (m *Meter) observe(_ context.Context, o metric.Observer) error {
	defer m.rescue()
	for _, t := range m.tasks.all() {
		o.ObserveInt64(m.active.inst, t.active.Load(), t.observed)
	}
	m.levels.mu.Lock()
	alive := m.levels.liveLocked()
	m.levels.mu.Unlock()
	var queues, limiters sums
	for _, v := range alive {
		switch v := v.(type) {
		case QueueLevel:
			if name, size, capacity, over := v.QueueLevel(); !over {
				queues.add(name, size, max(0, capacity), 0)
			}
		case LimiterLevel:
			limiters.add(v.LimiterLevel())
		}
	}
	for name, n := range queues {
		set := metric.WithAttributeSet(attribute.NewSet(attrQueueName.String(name)))
		o.ObserveInt64(m.queueSize.inst, n[0], set)
		if n[1] > 0 {
			o.ObserveInt64(m.queueCap.inst, n[1], set)
		}
	}
	for name, n := range limiters {
		set := metric.WithAttributeSet(attribute.NewSet(attrLimiterName.String(name)))
		o.ObserveInt64(m.usage.inst, n[0], set)
		o.ObserveInt64(m.limit.inst, n[1], set)
		o.ObserveInt64(m.pending.inst, n[2], set)
	}
	return nil
}

// sums adds up what is measured of all that have a name. At most maxSets names
// are told apart.
type sums map[string]*[3]int64

func (s *sums) add(name string, a, b, c int) {
	if *s == nil {
		*s = sums{}
	}
	if name = clip(name); name == "" {
		name = unnamed
	}
	n := (*s)[name]
	if n == nil {
		if len(*s) >= maxSets {
			name = others
		}
		if n = (*s)[name]; n == nil {
			n = new([3]int64)
			(*s)[name] = n
		}
	}
	n[0], n[1], n[2] = n[0]+int64(a), n[1]+int64(b), n[2]+int64(c)
}
