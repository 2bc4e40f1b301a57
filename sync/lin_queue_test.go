package sync_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// linQueue is the dumbest queue: its items, one a byte, in the order of puts.
type linQueue struct {
	items  string
	closed bool
}

// linOrder is where in the items the next one is.
type linOrder func(items string) int

func linFirst(string) int        { return 0 }
func linLatest(items string) int { return len(items) - 1 }
func linLeast(items string) int {
	return strings.IndexByte(items, slices.Min([]byte(items)))
}

func (next linOrder) take(items string) (item byte, rest string) {
	i := next(items)
	return items[i], items[:i] + items[i+1:]
}

// linGets says when each item was taken.
type linGets [256]struct{ call, end int64 }

func linGetsOf(ops []porcupine.Operation) *linGets {
	gets := new(linGets)
	for _, op := range ops {
		taken := []byte(op.Output.(linOut).all)
		if v := op.Output.(linOut).val; op.Input.(linIn).line == 1 && v > 0 {
			taken = append(taken, byte(v))
		}
		for _, v := range taken {
			gets[v].call, gets[v].end = op.Call, op.Return
		}
	}
	return gets
}

// behind reports whether all of the items were, or may have been, taken before
// this one.
func (g *linGets) behind(items string, item byte) bool {
	for _, before := range []byte(items) {
		if g[item].end < g[before].call {
			return false
		}
	}
	return true
}

// step is R70 and R71. gets, if it is not nil, saves the search through orders of
// puts of a first in first out queue that the gets rule out.
func (next linOrder) step(maxsize int, gets *linGets) func(s linQueue, in linIn, out linOut, ahead int) (linQueue, bool) {
	return func(s linQueue, in linIn, out linOut, ahead int) (linQueue, bool) {
		full := maxsize > 0 && len(s.items) >= maxsize
		switch in.op {
		case "Put", "TryPut":
			switch out.err {
			case nil:
				ok := !s.closed && (maxsize == 0 || len(s.items)+ahead < maxsize)
				ok = ok && (gets == nil || gets.behind(s.items, byte(in.arg)))
				s.items += string([]byte{byte(in.arg)})
				return s, ok
			case csync.ErrQueueClosed:
				return s, s.closed
			case csync.ErrQueueFull:
				return s, !s.closed && full && in.op == "TryPut"
			case errLinParked:
				return s, !s.closed && full && in.op == "Put"
			}
		case "Get", "TryGet":
			switch out.err {
			case nil:
				if len(s.items) <= ahead {
					return s, false
				}
				var item byte
				item, s.items = next.take(s.items)
				return s, int(item) == out.val
			case csync.ErrQueueClosed:
				return s, s.closed && s.items == ""
			case csync.ErrQueueEmpty:
				return s, !s.closed && s.items == "" && in.op == "TryGet"
			case errLinParked:
				return s, !s.closed && s.items == "" && in.op == "Get"
			}
		case "Close":
			s.closed = true
			return s, true
		case "CloseNow":
			var dropped []byte
			for s.items != "" {
				var item byte
				item, s.items = next.take(s.items)
				dropped = append(dropped, item)
			}
			s.closed = true
			return s, string(dropped) == out.all
		case "Len":
			return s, out.val == len(s.items)
		}
		return s, false
	}
}

// linQueueSubject is a queue to which clients do all that can be done; closing
// says whether that includes the end of it.
func linQueueSubject(maxsize int, closing bool, next linOrder, open func() *csync.Queue[int]) linSubject {
	closes := 0
	if closing {
		closes = 1
	}
	return linSubject{
		model: func(ops []porcupine.Operation) porcupine.Model {
			var gets *linGets
			if next("ab") == 0 && next("ba") == 0 {
				gets = linGetsOf(ops)
			}
			return linModel(linQueue{}, next.step(maxsize, gets))
		},
		open: func() []linKind {
			q := open()
			return []linKind{
				{op: "Put", weight: 6, waits: true, line: 0, call: func(ctx context.Context, in linIn) linOut {
					return linOut{err: q.Put(ctx, in.arg)}
				}},
				{op: "TryPut", weight: 3, line: 0, call: func(ctx context.Context, in linIn) linOut {
					return linOut{err: q.TryPut(ctx, in.arg)}
				}},
				{op: "Get", weight: 6, waits: true, line: 1, call: func(ctx context.Context, _ linIn) linOut {
					v, err := q.Get(ctx)
					return linOut{val: v, err: err}
				}},
				{op: "TryGet", weight: 3, line: 1, call: func(ctx context.Context, _ linIn) linOut {
					v, err := q.TryGet(ctx)
					return linOut{val: v, err: err}
				}},
				{op: "Len", weight: 1, call: func(context.Context, linIn) linOut { return linOut{val: q.Len()} }},
				{op: "Close", weight: closes, call: func(context.Context, linIn) linOut { q.Close(); return linOut{} }},
				{op: "CloseNow", weight: closes, call: func(context.Context, linIn) linOut {
					var all []byte
					for _, v := range q.CloseNow() {
						all = append(all, byte(v))
					}
					return linOut{all: string(all)}
				}},
			}
		},
		last: func(do func(string) linOut) {
			for do("TryGet").err == nil {
			}
			do("Len")
		},
	}
}

// R2, R3, R4, R70, R71, I3, I4, I12.
func TestLinearizableQueue(t *testing.T) {
	testkit.Guard(t)
	t.Run("bounded", func(t *testing.T) {
		linearizable(t, linQueueSubject(2, false, linFirst, func() *csync.Queue[int] { return csync.NewQueue[int](2) }))
	})
	t.Run("unbounded", func(t *testing.T) {
		linearizable(t, linQueueSubject(0, false, linFirst, func() *csync.Queue[int] { return new(csync.Queue[int]) }))
	})
	t.Run("closing", func(t *testing.T) {
		linearizable(t, linQueueSubject(1, true, linFirst, func() *csync.Queue[int] { return csync.NewQueue[int](1) }))
	})
	t.Run("closing unbounded", func(t *testing.T) {
		linearizable(t, linQueueSubject(0, true, linFirst, func() *csync.Queue[int] { return new(csync.Queue[int]) }))
	})
	t.Run("stack", func(t *testing.T) {
		linearizable(t, linQueueSubject(3, true, linLatest, func() *csync.Queue[int] { return csync.NewStack[int](3) }))
	})
	t.Run("priority", func(t *testing.T) {
		linearizable(t, linQueueSubject(3, false, linLeast, func() *csync.Queue[int] { return csync.NewPriorityQueue(3, less) }))
	})
	t.Run("closing priority", func(t *testing.T) {
		linearizable(t, linQueueSubject(0, true, linLeast, func() *csync.Queue[int] { return csync.NewPriorityQueue(0, less) }))
	})
}

// R71: CloseNow of a priority queue takes all that is left at one instant, before
// it asks which comes first: nobody gets one out of the middle.
func TestCloseNowOfPriorityQueueIsAtomic(t *testing.T) {
	testkit.Guard(t)
	var q *csync.Queue[int]
	asked := 0
	q = csync.NewPriorityQueue(0, func(a, b int) bool {
		asked++
		v, err := q.TryGet(background)
		require.ErrorIs(t, err, csync.ErrQueueClosed, "%d was taken out of the middle", v)
		require.Zero(t, q.Len())
		return a < b
	})
	for _, v := range []int{3, 1, 2} {
		require.NoError(t, q.Put(background, v))
	}
	require.Equal(t, []int{1, 2, 3}, q.CloseNow())
	require.NotZero(t, asked)
	require.Zero(t, q.Stats().Gets)
	require.NoError(t, q.Join(background))
}
