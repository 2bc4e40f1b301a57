package wait

import "github.com/corral-go/corral/internal/executor"

// foreign is what a group needs for subjects that are none of ours: for each a
// goroutine that waits for its channel.
//
// A context would not need one: context.AfterFunc does with less. But its stop
// does not wait for a call under way, a long-lived context with many of them
// blocks whoever cancels it, and there would be two ways.
type foreign struct {
	exec executor.Executor
	quit chan struct{} // closed when the group leaves
}

func (g *group) joinForeign(s *subject) {
	done := s.aw.Done()
	if done == nil { // it never ends, as context.Background
		return
	}
	if g.foreign == nil {
		g.foreign = &foreign{quit: make(chan struct{})}
	}
	g.foreign.exec.Go(stranger{s, done, g.foreign.quit})
}

// leave returns when every goroutine has ended.
func (f *foreign) leave() {
	if f != nil {
		close(f.quit)
		f.exec.Close()
	}
}

// stranger is one subject that is none of ours.
type stranger struct {
	s          *subject
	done, quit <-chan struct{}
}

// Execute waits for the subject, or until the group leaves. If a panic of the
// subject's Err comes between, the caller need not wait for the others: it gets
// the panic, once it has left.
func (f stranger) Execute() {
	select {
	case <-f.done:
	case <-f.quit:
		return
	}
	panics := true
	defer func() {
		if panics {
			f.s.group.giveUp()
		}
	}()
	failed := f.s.failed()
	panics = false
	f.s.tell(failed, nil)
}

// giveUp has the caller go on.
func (g *group) giveUp() {
	g.mu.Lock()
	g.enough = 0
	t := g.line.Serve()
	g.mu.Unlock()
	t.Wake()
}
