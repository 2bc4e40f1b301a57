package otelx

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// maxSets is how many attribute sets an instrument of ours is given: half of
// the SDK's default limit, beyond which that would put everything into one
// overflow set. What comes later shares the name [others] instead; with an
// error, also the type [otherType].
const maxSets = 1000

const (
	others    = "_other"
	otherType = "_OTHER" // as the semantic conventions have it
	unnamed   = "_unnamed"
)

// A label says which attribute set of an instrument is meant: the values of its
// row's attributes, in order. Empty ones are left out, but for the first.
type label [3]string

// sets keeps, for each label, what a measurement with it takes: made once, so
// that measuring allocates nothing. Readers take no lock: the table is replaced
// when it grows, which is rare.
type sets[V any] struct {
	row  *metricRow
	made func(attribute.Set, label) V

	table atomic.Pointer[map[label]V]
	mu    sync.Mutex // taken to replace table
}

// of returns what belongs to l.
func (s *sets[V]) of(l label) V {
	if l[0] == "" {
		l[0] = unnamed
	}
	table := s.all()
	if v, ok := table[l]; ok {
		return v
	}
	if len(table) >= maxSets {
		l = s.folded(l)
		if v, ok := table[l]; ok {
			return v
		}
	}
	return s.add(l)
}

func (s *sets[V]) all() map[label]V {
	if t := s.table.Load(); t != nil {
		return *t
	}
	return nil
}

func (s *sets[V]) folded(l label) label {
	l[0] = others
	if l[2] != "" {
		l[2] = otherType
	}
	return l
}

func (s *sets[V]) add(l label) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.all()
	if len(old) >= maxSets {
		l = s.folded(l)
	}
	if v, ok := old[l]; ok {
		return v
	}
	table := make(map[label]V, len(old)+1)
	for k, v := range old {
		table[k] = v
	}
	v := s.made(s.attributes(l), l)
	table[l] = v
	s.table.Store(&table)
	return v
}

func (s *sets[V]) attributes(l label) attribute.Set {
	var kvs []attribute.KeyValue
	for i, key := range s.row.attributes {
		if i == 0 || l[i] != "" {
			kvs = append(kvs, key.String(clip(l[i])))
		}
	}
	return attribute.NewSet(kvs...)
}
