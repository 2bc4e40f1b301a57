package scope

import (
	"context"
	"maps"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// A watch is what a scope keeps for testkit, while that guards a test: where
// the scope and its open tasks come from, and the labels of their goroutines. A
// scope that is not watched has none, and pays for a nil check.
type watch struct {
	labels context.Context
	site   []uintptr // of Run

	mu    sync.Mutex           // guards what is in tasks
	tasks map[uint64][]uintptr // nil: not kept
}

func init() {
	seam.Sites, seam.Roots, seam.WasCanceled = sites, openRoots, wasCanceled
}

// watched returns base with the scope's label, if scopes are being watched.
// Everything in the scope inherits the label, and so does what is started there
// with a bare go statement.
func (s *Scope) watched(base context.Context) context.Context {
	level := seam.Watching.Load()
	if level == 0 {
		return base
	}
	text := append([]byte(s.path()), '#')
	text = strconv.AppendUint(text, s.id, 10) // allocates the same for each id, for tests that count
	base = pprof.WithLabels(base, pprof.Labels(seam.LabelKey, string(text)))
	s.watch = &watch{labels: base}
	if level > 1 {
		s.watch.site, s.watch.tasks = callers(), map[uint64][]uintptr{}
	}
	return base
}

// callers returns the stack of who called in from outside this package.
func callers() []uintptr {
	pcs := make([]uintptr, 24)
	return pcs[:runtime.Callers(3, pcs)]
}

// label puts the scope's label on the calling goroutine.
func (w *watch) label() {
	if w != nil {
		pprof.SetGoroutineLabels(w.labels)
	}
}

// unlabel gives the body's goroutine the labels that it had around the scope.
func (s *Scope) unlabel() {
	if s.watch == nil {
		return
	}
	if s.up != nil && s.up.Ctx == s.outer {
		if outer := scopeOf(s.up).watch; outer != nil {
			outer.label()
			return
		}
	}
	pprof.SetGoroutineLabels(s.outer)
}

// clear takes the label from a goroutine that has ended its task.
func (w *watch) clear(c *Child) {
	if w == nil {
		return
	}
	pprof.SetGoroutineLabels(context.Background())
	w.forget(c)
}

// forget drops where a task comes from.
func (w *watch) forget(c *Child) {
	if w == nil || w.tasks == nil {
		return
	}
	w.mu.Lock()
	delete(w.tasks, c.id)
	w.mu.Unlock()
}

// spawned keeps where a task comes from.
func (w *watch) spawned(c *Child) {
	if w == nil || w.tasks == nil {
		return
	}
	site := callers()
	w.mu.Lock()
	w.tasks[c.id] = site
	w.mu.Unlock()
}

// sites collects the sites of everything that is open and watched.
func sites() map[uint64][]uintptr {
	all := map[uint64][]uintptr{}
	work, _ := roots.all(park.Patient)
	for len(work) > 0 {
		s := work[len(work)-1]
		work = work[:len(work)-1]
		s.mu.Lock()
		if s.phase == made { // it is being entered
			s.mu.Unlock()
			continue
		}
		work = append(work, listOf(s.inner)...)
		for c := s.tasks; c != nil; c = c.next {
			c.mu.Lock()
			work = append(work, listOf(c.inner)...)
			c.mu.Unlock()
		}
		w := s.watch
		s.mu.Unlock()
		if w == nil {
			continue
		}
		all[s.id] = w.site
		w.mu.Lock()
		maps.Copy(all, w.tasks)
		w.mu.Unlock()
	}
	return all
}

func openRoots() map[uint64]any {
	open := map[uint64]any{}
	list, _ := roots.all(park.Patient)
	for _, s := range list {
		open[s.id] = s
	}
	return open
}

// wasCanceled reports whether what p stands for has ended, and was cancelled
// before.
func wasCanceled(p *park.Place) bool {
	if c, ok := p.Owner.(*Child); ok && State(c.state.Load()) == Canceled {
		return true
	}
	s := scopeOf(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settled && s.cause != nil
}
