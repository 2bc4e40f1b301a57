package guest

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/seam"
)

func init() {
	seam.HostOf = func(ctx context.Context) seam.Host {
		if l, ok := ctx.Value(loopKey{}).(*loop); ok {
			return l
		}
		if c, ok := hosts.current().(*coroutine); ok {
			return c.loop
		}
		return nil
	}
}

// onlookers are told who has the host's thread. There are none unless somebody
// measures; then a step costs one load more.
type onlookers struct {
	all atomic.Pointer[[]seam.Onlooker]
}

// looking is who was told that a step has begun.
type looking []seam.Onlooker

func (o *onlookers) begin(owner any) looking {
	all := o.all.Load()
	if all == nil {
		return nil
	}
	for _, o := range *all {
		o.Begin(owner)
	}
	return *all
}

func (l looking) end() {
	for _, o := range l {
		o.End()
	}
}

// Watch tells o of every step that begins from now on.
func (l *loop) Watch(o seam.Onlooker) (off func()) {
	l.onlookers.change(func(all []seam.Onlooker) []seam.Onlooker { return append(all, o) })
	return func() {
		l.onlookers.change(func(all []seam.Onlooker) []seam.Onlooker {
			return slices.DeleteFunc(all, func(other seam.Onlooker) bool { return other == o })
		})
	}
}

// change replaces the list by what f makes of a copy.
func (o *onlookers) change(f func([]seam.Onlooker) []seam.Onlooker) {
	for {
		old := o.all.Load()
		var all []seam.Onlooker
		if old != nil {
			all = slices.Clone(*old)
		}
		all = f(all)
		next := &all
		if len(all) == 0 {
			next = nil
		}
		if o.all.CompareAndSwap(old, next) {
			return
		}
	}
}

// Name is that of the run's scope.
func (l *loop) Name() string {
	if o, ok := l.run.(seam.Owned); ok {
		_, name := seam.NameOf(o.Owner())
		return name
	}
	return ""
}

// Soon has fn called on the host's thread, in its turn.
func (l *loop) Soon(fn func()) bool { return l.push(item{job: soon(fn)}) }

// Done is closed at the very end.
func (l *loop) Done() <-chan struct{} { return l.over }

// Ready is how many wait for their turn.
func (l *loop) Ready() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready.Len()
}

// soon is a job that belongs to nobody and does not wait.
type soon func()

var _ executor.Job = soon(nil)

// Execute calls the function.
func (s soon) Execute() { s() }
