package guest

import (
	"context"
	"reflect"
	"runtime"

	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

func init() { seam.RunHosted = runHosted }

// runHosted is Run for a root scope whose tasks are host tasks: of a host on a
// goroutine of its own, while the body stays on the caller's. It is for tests;
// see seam.Hosted.
func runHosted(ctx context.Context, s any, body func(ctx context.Context) error) error {
	todo := make(chan func(), 1) // there is one request at a time
	soon := func(fn func()) { todo <- fn }
	h := &hosted{todo: todo}
	l, err := newLoop(Host{RunSyncSoonThreadsafe: soon, RunSyncSoonNotThreadsafe: soon}, h)
	if err != nil {
		return err
	}
	h.loop = l
	open, err := seam.OpenOn(context.WithValue(ctx, loopKey{}, l), s, l, reflect.ValueOf(body).Pointer())
	if err != nil { // it was run before
		l.letGo()
		return err
	}
	executor.Detach(h.serve)
	if err := l.start(); err != nil {
		panic("scope/guest: internal error: " + err.Error())
	}
	defer func() {
		l.push(item{job: ending{l}})
		<-l.over
	}()
	return open.RunBody(body)
}

// hosted is such a run; it has no main.
type hosted struct {
	loop   *loop
	todo   chan func()
	strand park.Strand
}

// serve is the host's loop.
func (h *hosted) serve() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for fn := range h.todo {
		fn()
	}
}

// Strand is of no use: nothing waits with it.
func (h *hosted) Strand() *park.Strand { return &h.strand }

// Execute does nothing.
func (h *hosted) Execute() {}

func (h *hosted) cancel(error) {}
func (h *hosted) lose(error)   {}
func (h *hosted) finish()      { close(h.todo) }

// ending ends a loop whose scope has ended.
type ending struct{ loop *loop }

// Execute says so.
func (e ending) Execute() { e.loop.mainEnded() }
