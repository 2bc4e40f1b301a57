package otelx

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Track is what is kept of one line of execution (a task, or the body of a root
// scope) while it is traced: what its progress has depended on, what it waited
// for, and how many leaf spans it has had. Its size is bounded. Every method is
// safe on nil. It is for Corral's own packages.
type Track struct {
	name   string
	leaves atomic.Int32

	// Spawner is the span in which the task was spawned.
	Spawner trace.SpanContext

	// Of who claims the strand's waiter, from the claim to the wake-up, and
	// then of who waited with it, until it is given back: see package park.
	release Release

	mu     sync.Mutex // guards the rest; taken last of all, for a few instructions
	who    *mover     // made when somebody needs it
	led    Release    // what led to since
	since  int64      // Unix nanoseconds; from then on it is who that moves
	waited time.Duration
	top    []waitSum
}

// Release is what a strand that wakes another one hands over: what led to this
// moment. The zero Release stands for one of which nobody knows who made it.
// Most of them come to nothing, since a task that neither waits nor wakes
// anybody is gone when it ends: so the last segment becomes part of a chain only
// when somebody goes on from there.
type Release struct {
	past      *chain
	who       *mover // who has moved after that, or nil
	since, at int64
	from      *Origin // nil if it does not matter
}

// chain is what led to r as a chain.
func (r *Release) chain() *chain {
	if r.who == nil || r.at <= r.since {
		return r.past
	}
	return r.past.then(r.who, r.since, r.at)
}

// NewTrack returns the track of what runs under a name from a time on, or from
// that of r, which led to it, if that is known.
func NewTrack(name string, at time.Time, r Release) *Track {
	t := &Track{name: name, led: r, since: r.at}
	if t.since == 0 {
		t.since = at.UnixNano()
	}
	return t
}

// Release returns what led to now, on this track. from is the span to link to,
// of who lets go of something.
func (t *Track) Release(from *Origin) Release {
	if t == nil {
		return Release{}
	}
	r := t.ReleaseAt(time.Now())
	r.from = from
	return r
}

// ReleaseAt is Release for who has just looked at the clock, and is not to be
// linked to.
func (t *Track) ReleaseAt(now time.Time) Release {
	if t == nil {
		return Release{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return Release{past: t.pastLocked(), who: t.whoLocked(), since: t.since, at: max(t.since, now.UnixNano())}
}

func (t *Track) whoLocked() *mover {
	if t.who == nil {
		t.who = &mover{name: t.name}
	}
	return t.who
}

func (t *Track) pastLocked() *chain {
	if t.led.who != nil {
		t.led = Release{past: t.led.chain()}
	}
	return t.led.past
}

// Released is called by who has claimed the strand's waiter, before the
// wake-up.
func (t *Track) Released(r Release) {
	if t != nil {
		t.release = r
	}
}

// TakeRelease returns what [Track.Released] has left, once. It is called by who
// has waited, before the strand's waiter is given back.
func (t *Track) TakeRelease() (r Release) {
	if t != nil {
		r, t.release = t.release, Release{}
	}
	return r
}

// Waited is called by who has waited, from start to now, with the release that
// ended it. What it waited for was released by somebody known, and then its
// progress depended on what that depended on; or it was not, and the wait counts
// by its own name. A sleep counts for who sleeps. It returns the span of who
// released it, if that is known.
func (t *Track) Waited(r Release, kind, name string, start, now time.Time) (from *Origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sumLocked(kind, name, now.Sub(start))
	if r.at != 0 {
		t.led, t.since = r, r.at
	} else if kind != "sleep" {
		t.unknownLocked(objectOf(kind, name), start.UnixNano(), now.UnixNano())
	}
	return r.from
}

// unknownLocked notes a wait of which nobody knows who ended it.
func (t *Track) unknownLocked(object string, start, end int64) {
	past := t.pastLocked()
	if start > t.since {
		past, t.since = past.then(t.whoLocked(), t.since, start), start
	}
	if end > t.since {
		past, t.since = past.then(&mover{name: object, wait: true}, t.since, end), end
	}
	t.led = Release{past: past}
}

// Taken makes the track begin anew at this moment, for the reason that r tells:
// a task whose turn has come.
func (t *Track) Taken(r Release) {
	if t != nil && r.at != 0 {
		t.mu.Lock()
		t.led, t.since = r, r.at
		t.mu.Unlock()
	}
}

// spent reports whether the leaf budget is used up, and else uses one of it.
func (t *Track) spent(budget int32) bool {
	if t == nil {
		return false
	}
	if t.leaves.Load() >= budget {
		return true
	}
	t.leaves.Add(1)
	return false
}

// waitSum is how long one object was waited for. At most maxSums are kept: a
// further one takes the place, and the sum, of the smallest, so that what is
// reported as longest is never too short.
type waitSum struct {
	kind, name string
	sum        time.Duration
}

const (
	maxSums = 8
	topSums = 3
)

func (t *Track) sumLocked(kind, name string, d time.Duration) {
	t.waited += d
	least := -1
	for i := range t.top {
		w := &t.top[i]
		if w.kind == kind && w.name == name {
			w.sum += d
			return
		}
		if least < 0 || w.sum < t.top[least].sum {
			least = i
		}
	}
	if len(t.top) < maxSums {
		t.top = append(t.top, waitSum{kind, name, d})
		return
	}
	t.top[least] = waitSum{kind, name, t.top[least].sum + d}
}

// objectOf is how what was waited for is reported.
func objectOf(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + name
}

// appendWaits appends what a task's span tells of its waits.
func (t *Track) appendWaits(attrs []attribute.KeyValue) []attribute.KeyValue {
	if t == nil {
		return attrs
	}
	t.mu.Lock()
	waited, top := t.waited, t.top
	t.top = nil // nobody waits any more
	t.mu.Unlock()
	attrs = append(attrs, attrWaitTime.Float64(waited.Seconds()))
	if len(top) == 0 {
		return attrs
	}
	slices.SortStableFunc(top, func(a, b waitSum) int { return cmp.Compare(b.sum, a.sum) })
	var texts []string
	for _, w := range top[:min(topSums, len(top))] {
		if w.sum >= time.Millisecond/2 { // or it would read 0.000
			texts = append(texts, clip(objectOf(w.kind, w.name))+"="+strconv.FormatFloat(w.sum.Seconds(), 'f', 3, 64))
		}
	}
	if len(texts) > 0 {
		attrs = append(attrs, attrWaitTop.StringSlice(texts))
	}
	return attrs
}
