package monitor

import (
	"bytes"
	"cmp"
	"maps"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/profile"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// holders keeps who has had a host's thread since the last reset, and for how
// long. A nil one keeps nothing.
type holders struct {
	mu    sync.Mutex // guards the rest
	from  time.Time
	owner any // whose step it is, or nil
	since time.Time
	sums  map[any]time.Duration
}

func newHolders(now time.Time) *holders { return &holders{from: now, sums: map[any]time.Duration{}} }

// hold is how long a task, or body, has had the thread.
type hold struct {
	owner any // nil: the host itself
	time  time.Duration
}

// Begin is called on the host's thread when a step begins.
func (h *holders) Begin(owner any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.owner, h.since = owner, time.Now()
}

// End is called when it ends.
func (h *holders) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLocked(time.Now())
	h.owner = nil
}

// addLocked adds what the step that is under way has taken so far.
func (h *holders) addLocked(now time.Time) {
	if h.owner == nil {
		return
	}
	begun := h.since
	if begun.Before(h.from) {
		begun = h.from
	}
	h.since = now
	if d := now.Sub(begun); d > 0 && (len(h.sums) < maxSuspects || h.sums[h.owner] > 0) {
		h.sums[h.owner] += d
	}
}

// reset forgets what was before.
func (h *holders) reset(from time.Time) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = from
	clear(h.sums)
}

// now returns whose step it is, or nil.
func (h *holders) now() any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.owner
}

// until returns who has had the thread up to now.
func (h *holders) until(now time.Time) []hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLocked(now)
	all := make([]hold, 0, len(h.sums))
	for owner, d := range h.sums {
		all = append(all, hold{owner, d})
	}
	return all
}

// worstOf returns those who have had the thread for longest, as one if they
// have the same path, with the span of the worst of these. One's stack is known.
func worstOf(all []hold, of string, stack []byte) []culprit {
	type sum struct {
		culprit
		most hold // of one of them
	}
	byPath := map[string]*sum{}
	for _, h := range all {
		path := ""
		if h.owner != nil {
			path = seam.PathOf(h.owner)
		}
		s := byPath[path]
		if s == nil {
			s = &sum{culprit: culprit{Culprit: Culprit{Task: path}}}
			byPath[path] = s
		}
		s.CPU += h.time
		if h.time >= s.most.time {
			s.most = h
		}
	}
	sums := slices.SortedFunc(maps.Values(byPath), func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Task, b.Task))
	})
	var found []culprit
	for _, s := range sums[:min(maxCulprits, len(sums))] {
		s.span = spanOf(s.most.owner)
		if s.Task != "" && s.Task == of {
			s.Stack = stack
		}
		found = append(found, s.culprit)
	}
	return found
}

// spanOf returns the span of a task, or of the scope of a body.
func spanOf(owner any) trace.SpanContext {
	switch o := owner.(type) {
	case *scope.Child:
		return o.SpanContext()
	case *scope.Scope:
		return o.Snapshot().Span
	}
	return trace.SpanContext{}
}

// stackOf returns the stack of a host task that has its host's thread: of a
// coroutine that is not suspended. Nil: there are too many goroutines to look.
func stackOf(owner any) []byte {
	if runtime.NumGoroutine() > lookedMost {
		return nil
	}
	var b bytes.Buffer
	if pprof.Lookup("goroutine").WriteTo(&b, 0) != nil {
		return nil
	}
	samples, err := profile.Parse(b.Bytes())
	if err != nil {
		return nil
	}
	name := ""
	if f := runtime.FuncForPC(seam.CodeOf(owner)); f != nil {
		name = f.Name()
	}
	var best []byte
	for _, s := range samples {
		if !isStepping(s.Stack) {
			continue
		}
		text := stackText(s.Stack)
		if slices.ContainsFunc(s.Stack, func(f profile.Frame) bool { return f.Function == name }) {
			return text
		}
		if best == nil { // a function that it has given to RunOnHost, say
			best = text
		}
	}
	return best
}

// isStepping reports whether a stack is that of a coroutine of a guest run which
// has its host's thread.
func isStepping(stack []profile.Frame) bool {
	if len(stack) == 0 || strings.HasPrefix(stack[0].Function, "runtime.coroswitch") {
		return false
	}
	return slices.ContainsFunc(stack, func(f profile.Frame) bool {
		return strings.HasSuffix(f.Function, "scope/guest.(*coroutine).live")
	})
}
