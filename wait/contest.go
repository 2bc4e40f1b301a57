package wait

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

var spawn = seam.Spawn.(func(context.Context, *scope.Child, capture.Job, uintptr, []scope.TaskOption))

// errLost is the reason of the losers' cancellation.
var errLost = errors.New("another function has won the race")

// A contest is one call of Race or Any. What it returns is the outcome that it
// keeps, and not that of its scope: there the contest ends by a cancellation.
//
// The scope supervises, so that failures do not cancel it: what they mean is
// decided here. With a handler that is nil panics are not supervised.
type contest[T any] struct {
	kind       string // "race" or "any"
	errorWins  bool   // an error decides as a value does
	scope      *scope.Scope
	contenders []contender[T]
	over       park.Latch // closed when there is a winner, or nobody left

	mu     sync.Mutex    // guards the rest
	left   int           // contenders that have not ended by themselves
	winner *contender[T] // nil: none yet
}

// A contender is one function: the task, its job and its result in one.
type contender[T any] struct {
	child   scope.Child
	contest *contest[T]
	fn      func(ctx context.Context) (T, error)
	ctx     context.Context // that of the task, once it has begun
	value   T
}

func (k *contest[T]) run(ctx context.Context, fns []func(context.Context) (T, error)) (v T, err error) {
	k.scope = scope.New(scope.Name(k.kind), scope.Supervise(nil))
	k.contenders, k.left = make([]contender[T], len(fns)), len(fns)
	for i, fn := range fns {
		k.contenders[i].contest, k.contenders[i].fn = k, fn
	}
	canceled := k.scope.Run(ctx, k.body)
	if decided, err := k.outcome(); decided {
		if w := k.winner; w != nil && err == nil {
			v = w.value
		}
		if p := park.PlaceOf(ctx); p != nil && err != nil { // it was told of where it began
			p.Strand.Hear(err)
		}
		return v, err
	}
	if canceled == nil { // from within, which scopes catch
		canceled = k.scope.Cause()
	}
	return v, canceled
}

// body waits for the decision, so that the scope's span says how it ended.
func (k *contest[T]) body(ctx context.Context) error {
	for i := range k.contenders {
		c := &k.contenders[i]
		spawn(ctx, &c.child, c, reflect.ValueOf(c.fn).Pointer(), nil)
	}
	var op park.Op
	canceled := op.BeginUntold(ctx)
	if canceled == nil {
		canceled = k.over.Await(&op, k)
	}
	if decided, err := k.outcome(); decided { // which cancels ctx
		return err
	}
	return canceled
}

// outcome is the error of the winner, or, if nobody is left, of all.
func (k *contest[T]) outcome() (decided bool, err error) {
	k.mu.Lock()
	winner, left := k.winner, k.left
	k.mu.Unlock()
	switch {
	case winner != nil:
		return true, winner.child.Err()
	case left > 0:
		return false, nil
	}
	all := &scope.Error{Scope: k.scope.Path()}
	for i := range k.contenders {
		c := &k.contenders[i].child
		all.Failures = append(all.Failures, scope.Failure{Task: seam.PathOf(c), Err: c.Err(), Span: c.SpanContext()})
	}
	return true, all
}

// Run calls the function.
func (c *contender[T]) Run(ctx context.Context) error {
	c.ctx = ctx
	v, err := c.fn(ctx)
	if err == nil {
		c.value = v
	}
	return err
}

// Finished is where a contender that is done may decide. One that was ended by
// the cancellation of the contest has no part in it.
func (c *contender[T]) Finished(error) error {
	k, err := c.contest, c.child.Err()
	if cause := k.scope.Cause(); cause != nil && err == cause { //nolint:errorlint // state decides, identity is the question
		return nil
	}
	k.mu.Lock()
	k.left--
	won := k.winner == nil && (err == nil || k.errorWins)
	if won {
		k.winner = c
	}
	over := won || k.left == 0 && k.winner == nil
	k.mu.Unlock()
	if won {
		seam.CancelKind(k.scope, uint8(scope.KindRaceLost), errLost, c.ctx)
	}
	if over {
		k.over.Close(seam.StrandOf(&c.child))
	}
	return nil
}

// Awaited shows the contest in the live tree.
func (k *contest[T]) Awaited(look park.Look) park.Mark {
	m := park.Mark{Kind: "wait." + k.kind}
	if look == nil {
		return m
	}
	for i := range k.contenders {
		if c := &k.contenders[i].child; !seam.ChildLatch(c).Closed() {
			if m.Holders = append(m.Holders, seam.PathOf(c)); len(m.Holders) == maxHolders {
				break
			}
		}
	}
	return m
}
