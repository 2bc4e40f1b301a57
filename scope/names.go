package scope

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
)

// lastID numbers scopes and tasks; 0 is never used.
var lastID atomic.Uint64

// derived caches names by code pointer, and recent those that were asked for
// last, since a map takes longer than a task should spend on its name. It grows
// with the program's code, not with its run.
var (
	derived sync.Map // uintptr → *derivedName
	recent  [256]atomic.Pointer[derivedName]
)

type derivedName struct {
	fn   uintptr
	name string
}

// codeOf returns the code pointer of a function.
func codeOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }

// nameOf derives a name from a function: its name without the package, and
// without what the compiler adds to generic functions and method values (R48).
func nameOf(fn uintptr) string {
	slot := &recent[fn>>5%uintptr(len(recent))]
	if d := slot.Load(); d != nil && d.fn == fn {
		return d.name
	}
	d, ok := derived.Load(fn)
	if !ok {
		d, _ = derived.LoadOrStore(fn, &derivedName{fn, nameFrom(fn)})
	}
	known := d.(*derivedName)
	slot.Store(known)
	return known.name
}

func nameFrom(fn uintptr) string {
	f := runtime.FuncForPC(fn)
	if f == nil {
		return ""
	}
	name := f.Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = name[strings.IndexByte(name, '.')+1:]
	name = strings.TrimSuffix(name, "-fm")
	return strings.NewReplacer("[...]", "", "(*", "", ")", "", "/", "_").Replace(name)
}

// A path of more than pathHead+pathTail names shows that many of its first and
// last ones, so that what a deep recursion says of itself stays short.
const (
	pathHead = 16
	pathTail = 48
)

// path is Path for a scope that has been entered.
func (s *Scope) path() string {
	if s.shown != "" {
		return s.shown
	}
	return pathOf(&s.place)
}

// show makes the scope's path, unless it is a long one. Every scope needs it at
// its end, and every scope inside it.
func (s *Scope) show() {
	switch {
	case s.up == nil:
		s.shown = s.nameNow()
	case s.depth <= pathHead+pathTail:
		s.shown = pathOf(s.up) + "/" + s.nameNow()
	}
}

// pathOf returns the path of the scope or task that p stands for.
func pathOf(p *park.Place) string {
	var names [pathHead + pathTail + 1]string // from the last
	n, depth := 0, depthOf(p)
	for ; p != nil; n++ {
		if depth > pathHead+pathTail && n == pathTail {
			return scopeOf(p).head.path() + "/…/" + joinReversed(names[:n])
		}
		switch o := p.Owner.(type) {
		case *Scope:
			if o.shown != "" && depth <= pathHead+pathTail {
				if n == 0 {
					return o.shown
				}
				return o.shown + "/" + joinReversed(names[:n])
			}
			names[n], p = o.nameNow(), o.up
		case *Child:
			names[n], p = o.Name(), &o.scope.place
		default: // a scope that was not run
			return joinReversed(names[:n])
		}
	}
	return joinReversed(names[:n])
}

func joinReversed(names []string) string {
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// depthOf returns how many names the path of p has.
func depthOf(p *park.Place) int {
	if c, ok := p.Owner.(*Child); ok {
		return c.scope.depth + 1
	}
	return scopeOf(p).depth
}
