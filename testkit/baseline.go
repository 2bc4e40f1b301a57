package testkit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/goleak"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// A baseline is what there was before a test, or before all of them.
type baseline struct {
	seq        uint64
	goroutines goleak.Option
	scopes     map[uint64]bool
	futures    int // of the dropped ones
}

var (
	lastBaseline atomic.Uint64

	watchMu  sync.Mutex // guards the rest, and turning the library's hooks on and off
	watchers int
	guarding int
)

// watch has scopes label their goroutines, and futures tell if they are dropped,
// until the function it returns is called; sites has scopes and tasks keep where
// they come from, too.
func watch(sites bool) (end func()) {
	more := func(n int) {
		watchMu.Lock()
		defer watchMu.Unlock()
		watchers += n
		if sites {
			guarding += n
		}
		level := int32(0)
		var tell *func(string, *park.Place, []uintptr)
		if watchers > 0 {
			level, tell = 1, new(droppedFutures.add)
		}
		if guarding > 0 {
			level = 2
		}
		seam.Watching.Store(level)
		seam.Dropped.Store(tell)
	}
	more(1)
	return func() { more(-1) }
}

// begin takes a baseline.
func begin() *baseline {
	b := &baseline{
		seq:        lastBaseline.Add(1),
		goroutines: goleak.IgnoreCurrent(),
		scopes:     map[uint64]bool{},
		futures:    droppedFutures.len(),
	}
	for id := range seam.Roots() {
		b.scopes[id] = true
	}
	return b
}

// findings describes what is there now and was not before; "" means nothing.
func (b *baseline) findings() string {
	var found []string
	leaked := b.leakedGoroutines()
	open := b.openScopes()
	if len(open) > 0 && !testsRunBeside(goroutines()) {
		found = append(found, "scopes that are still open:\n\n"+indent(treeText(open)))
	}
	for _, g := range leaked {
		found = append(found, describe(g))
	}
	found = append(found, distinct(droppedFutures.since(b.futures))...)
	return strings.Join(found, "\n\n")
}

func (b *baseline) openScopes() []*scope.Scope {
	open := seam.Roots()
	var news []*scope.Scope
	for _, id := range sortedKeys(open) {
		if !b.scopes[id] {
			news = append(news, open[id].(*scope.Scope))
		}
	}
	return news
}

// testsRunBeside reports whether there are tests that run now and that nobody
// guards: what they have is not told from what was left.
func testsRunBeside(all []goroutine) bool {
	return slices.ContainsFunc(all[1:], func(g goroutine) bool { return g.isRunningTest() })
}

// patience bounds how long a goroutine may go on that is not blocked: on a busy
// machine one that is about to end can take its time.
const patience = 5 * time.Second

// leakedGoroutines returns the goroutines that goleak finds. While tests run
// beside this one that nobody guards, it cannot tell theirs, and finds none.
func (b *baseline) leakedGoroutines() []goroutine {
	for begun := time.Now(); ; {
		err := goleak.Find(b.goroutines)
		if err == nil {
			return nil
		}
		all := goroutines()
		leaked := slices.DeleteFunc(slices.Clone(all[1:]), func(g goroutine) bool {
			return !strings.Contains(err.Error(), fmt.Sprintf("Goroutine %d in state ", g.id))
		})
		if testsRunBeside(all) {
			return nil
		}
		if len(leaked) == 0 {
			continue // they have ended just now
		}
		if time.Since(begun) > patience || !slices.ContainsFunc(leaked, func(g goroutine) bool { return !g.settled() }) {
			return leaked
		}
	}
}

// describe explains a goroutine that should have ended.
func describe(g goroutine) string {
	what := "a goroutine that has not ended"
	path, id, labelled := strings.Cut(g.label, "#")
	switch {
	case g.isMessenger():
		what = "the messenger of a guest run that has not ended"
	case g.isCoroutine():
		what = g.coroutineText()
		if labelled {
			what += ", in scope " + path
		}
	case g.isTask():
		what = "a task that has not ended"
		if labelled {
			what += ", of scope " + path
		}
	case labelled && g.in("github.com/corral-go/corral/scope.(*Scope).Run"):
		what = "the body of scope " + path + ", which has not ended"
	case labelled && !scopeIsOpen(id):
		what = fmt.Sprintf("a goroutine that was started with a bare go statement inside scope %s, and has outlived it", path)
	case labelled:
		what = fmt.Sprintf("a goroutine that was started with a bare go statement inside scope %s", path)
	}
	if at := g.startedAt(); at != "" && !g.isTask() && !g.isCoroutine() && !g.isMessenger() {
		what += "\nstarted " + at
	}
	return what + "\nstuck in\n" + indent(g.text)
}

// scopeIsOpen reports whether a scope with that id is in any tree.
func scopeIsOpen(id string) bool {
	for open := range seam.Sites() {
		if fmt.Sprint(open) == id {
			return true
		}
	}
	return false
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
