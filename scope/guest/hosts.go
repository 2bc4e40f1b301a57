package guest

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/corral-go/corral/internal/gid"
	"github.com/corral-go/corral/internal/park"
)

// identity is what tells hosts apart: the function they give. Two closures are
// the same if they are one object; two method values if they are the same
// method of the same object.
type identity struct{ code, data uintptr }

func identify(fn func(func())) identity {
	closure := *(*unsafe.Pointer)(unsafe.Pointer(&fn))
	code := *(*uintptr)(closure)
	id := identity{code, uintptr(closure)}
	if f := runtime.FuncForPC(code); f != nil && strings.HasSuffix(f.Name(), "-fm") && strings.Contains(f.Name(), ".(*") {
		id.data = *(*uintptr)(unsafe.Add(closure, unsafe.Sizeof(code))) // a pointer, the receiver, is all it holds
	}
	return id
}

// hosts are those that have a guest.
var hosts registry

type registry struct {
	mu  sync.Mutex // is held to change all
	all atomic.Pointer[[]*loop]
}

func (r *registry) list() []*loop {
	if all := r.all.Load(); all != nil {
		return *all
	}
	return nil
}

func (r *registry) add(l *loop) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.list()
	if slices.ContainsFunc(all, func(o *loop) bool { return o.id == l.id }) {
		return ErrInUse
	}
	all = append(slices.Clip(all), l)
	r.all.Store(&all)
	if len(all) == 1 {
		park.SetCurrent(r.current)
	}
	return nil
}

func (r *registry) remove(l *loop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(r.list()), func(o *loop) bool { return o == l })
	r.all.Store(&all)
	if len(all) == 0 {
		park.SetCurrent(nil)
	}
}

// current finds the coroutine that the caller runs on.
func (r *registry) current() park.Coroutine {
	self := gid.Current()
	for _, l := range r.list() {
		if c := l.current.Load(); c != nil && c.self.Load() == self {
			return c
		}
	}
	return nil
}
