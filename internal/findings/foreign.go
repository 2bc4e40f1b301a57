package findings

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/executor"
)

// patience is how long code of the program's gets to answer who looks.
const patience = 50 * time.Millisecond

// hung is how many calls of the program's code have not returned. While one has
// not, no other is made: who looks twice a second would else leave a goroutine
// behind each time.
var hung atomic.Int32

// Answer is what became of a call of the program's code.
type Answer int

// The answers.
const (
	Returned Answer = iota
	Panicked        // or ended its goroutine
	Hangs
	NotAsked // another call hangs
)

// Ask calls code of the program's, which may panic, or hang: it gets a moment.
// Unless the answer is Returned, what f touches is not the caller's any more.
func Ask(f func()) Answer {
	if hung.Load() > 0 {
		return NotAsked
	}
	c := &call{said: make(chan Answer, 1)}
	executor.Detach(func() {
		capture.Do(context.Background(), capture.Func(func(context.Context) error { f(); return nil }), c)
	})
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case a := <-c.said:
		return a
	case <-enough.C:
		hung.Add(1)
		if !c.state.CompareAndSwap(waiting, left) {
			hung.Add(-1) // it came in that very moment
		}
		return Hangs
	}
}

// call is one call of the program's code.
type call struct {
	state atomic.Int32
	said  chan Answer
}

const (
	waiting int32 = iota // somebody waits for it
	left                 // nobody does any more
	over
)

func (c *call) End(o capture.Outcome) {
	a := Returned
	if o.Panic != nil || o.Goexit {
		a = Panicked
	}
	c.said <- a
	if !c.state.CompareAndSwap(waiting, over) {
		hung.Add(-1)
	}
}

// ErrorText calls the Error method of an error that may be the program's.
func ErrorText(err error) string {
	kind := fmt.Sprintf("%T", err)
	switch kind {
	case "*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors", "context.deadlineExceededError":
		return err.Error() // what they return is there already
	}
	said := make(chan string, 1)
	switch Ask(func() { said <- err.Error() }) {
	case Panicked:
		return kind + ", whose Error method panics"
	case Hangs:
		return kind + ", whose Error method does not return"
	case NotAsked:
		return kind
	}
	return <-said
}
