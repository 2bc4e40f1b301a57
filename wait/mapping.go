package wait

import (
	"context"
	"iter"
	"slices"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// A mapping is one call of Map or ForEach.
//
// It has a limit of its own and does not use that of its scope, for two
// reasons. An item is to be taken only when it can be worked on; and a fn that
// spawns a task into the scope and waits for it would wait for a turn that its
// own call holds.
type mapping[In, Out any] struct {
	in    iter.Seq[In]
	limit int
	fn    func(ctx context.Context, in In) (Out, error)
	code  uintptr // of the user's function, for its name
	cut   error   // why the body did not come to the end of in

	mu       park.Mutex // guards the rest
	line     park.Line  // the body, until a call may begin
	ticket   park.Ticket
	running  int
	results  []Out
	canceled error // of the first call that was cancelled
}

// A call is one call of fn: the task, its job and its result in one.
type call[In, Out any] struct {
	child scope.Child
	of    *mapping[In, Out]
	index int
	item  In
	value Out
}

func (m *mapping[In, Out]) run(ctx context.Context, name string, opts []scope.Option) ([]Out, error) {
	if err := park.Check(ctx); err != nil {
		return nil, err
	}
	m.results = []Out{}
	s := scope.New(append([]scope.Option{scope.Name(name)}, opts...)...)
	if err := s.Run(ctx, m.body); err != nil {
		return nil, err
	}
	if err := m.missing(); err != nil && !movedOn(s, opts) {
		return nil, err
	}
	return m.results, nil
}

// movedOn reports whether s, which has ended, was to move on after its own
// deadline, and did.
func movedOn(s *scope.Scope, opts []scope.Option) bool {
	cause, ok := s.Cause().(*scope.CanceledError) //nolint:errorlint // what Cause returns
	return ok && slices.Contains(opts, scope.MoveOn()) && s.CancelCalled() && cause.Kind == scope.KindDeadline
}

// missing is why there is not a result for every item, although the scope has
// nothing to say: it caught its own cancellation, or what that has reached had
// not begun.
func (m *mapping[In, Out]) missing() error {
	if m.canceled != nil {
		return m.canceled
	}
	return m.cut
}

// body goes through the sequence.
func (m *mapping[In, Out]) body(ctx context.Context) error {
	if m.cut = m.turn(ctx); m.cut != nil {
		return m.cut
	}
	for item := range m.in {
		m.begin(ctx, item)
		if m.cut = m.turn(ctx); m.cut != nil {
			return m.cut
		}
	}
	m.cut = park.Check(ctx)
	return m.cut
}

// turn waits until a call may begin.
func (m *mapping[In, Out]) turn(ctx context.Context) error {
	if err := park.Check(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	if m.limit <= 0 || m.running < m.limit {
		m.mu.Unlock()
		return nil
	}
	return park.Wait(ctx, &m.mu, &m.line, &m.ticket, m)
}

func (m *mapping[In, Out]) begin(ctx context.Context, item In) {
	c := &call[In, Out]{of: m, item: item}
	m.mu.Lock()
	m.running++
	c.index = len(m.results)
	m.results = append(m.results, c.value)
	m.mu.Unlock()
	spawn(ctx, &c.child, c, m.code, nil)
}

// Run calls the function.
func (c *call[In, Out]) Run(ctx context.Context) error {
	v, err := c.of.fn(ctx, c.item)
	if err == nil {
		c.value = v
	}
	return err
}

// Finished keeps the result, and lets the next call begin.
func (c *call[In, Out]) Finished(error) error {
	m, state, err := c.of, c.child.State(), c.child.Err()
	m.mu.Lock()
	m.running--
	m.results[c.index] = c.value
	if state == scope.Canceled && m.canceled == nil {
		m.canceled = err
	}
	t := m.line.Serve()
	m.mu.Unlock()
	t.WakeBy(seam.StrandOf(&c.child))
	return nil
}

// Awaited shows the wait for a turn in the live tree.
func (m *mapping[In, Out]) Awaited(park.Look) park.Mark { return park.Mark{Kind: "wait.limit"} }
