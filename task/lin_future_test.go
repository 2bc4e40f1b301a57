package task_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// Linearizability of Future, as that of package sync's primitives (see
// lin_test.go there): clients set, cancel, read and wait in parallel, and
// porcupine looks for an order that a dumb future would have answered the same.
// One that waits when everybody is parked must be waiting for one that is pending.
//
//	CORRAL_HISTORIES=20000 go test -race ./task -run TestLinearizable
//	CORRAL_SEED=…                      the plans of the seed that a failure has printed
const (
	linClients = 4
	linSteps   = 8
)

// linDefault is how many histories are checked.
const linDefault = 500

type linOp uint8

const (
	linWait linOp = iota
	linSetResult
	linSetError
	linCancel
	linResult
	linErr
	linIsDone
	linOps
)

func (o linOp) String() string {
	return [...]string{"Wait", "SetResult", "SetError", "Cancel", "Result", "Err", "IsDone"}[o]
}

// linIn is a call, with a value or error of its own.
type linIn struct {
	op linOp
	id int
}

// linOut is what became of it: the state that the future is in (or, for one who
// sets it, was in already), and whose value or error that is.
type linOut struct {
	state  scope.State
	by     int
	set    bool // it is this call that has set it
	parked bool
	ended  bool // its own ctx was cancelled
}

// linFuture is the dumbest future: the state, and the call that has set it.
type linFuture struct {
	state scope.State
	by    int
}

// R2, R50–R53, I4, I6.
func linStep(state, input, output any) (bool, any) {
	f, in, out := state.(linFuture), input.(linIn), output.(linOut)
	switch in.op {
	case linSetResult, linSetError, linCancel:
		if !out.set {
			return f.state != scope.Pending && (in.op == linCancel || out.state == f.state), f
		}
		next := map[linOp]scope.State{linSetResult: scope.Succeeded, linSetError: scope.Failed, linCancel: scope.Canceled}
		return f.state == scope.Pending, linFuture{next[in.op], in.id}
	case linWait:
		if out.parked {
			return f.state == scope.Pending, f
		}
		return f.state != scope.Pending && out.state == f.state && out.by == f.by, f
	case linIsDone:
		return out.set == (f.state != scope.Pending), f
	case linErr:
		if f.state == scope.Pending || f.state == scope.Succeeded {
			return out.by == 0, f
		}
		return out.by == f.by, f
	default:
		return out.state == f.state && out.by == f.by, f
	}
}

// linErrBy is the error of a call.
type linErrBy struct{ id int }

func (e *linErrBy) Error() string { return "set by call " + strconv.Itoa(e.id) }

// linAnswer turns what was read into what the model says.
func linAnswer(v int, err error) linOut {
	var by *linErrBy
	var canceled *scope.CanceledError
	switch {
	case err == nil:
		return linOut{state: scope.Succeeded, by: v}
	case errors.Is(err, task.ErrInvalidState):
		return linOut{state: scope.Pending}
	case errors.As(err, &canceled) && errors.As(canceled.Reason, &by):
		return linOut{state: scope.Canceled, by: by.id}
	case errors.As(err, &by):
		return linOut{state: scope.Failed, by: by.id}
	default:
		return linOut{ended: true}
	}
}

func linSet(err error) linOut {
	var e *task.InvalidStateError
	if errors.As(err, &e) {
		return linOut{state: e.State}
	}
	return linOut{set: err == nil}
}

func linCall(ctx context.Context, f *task.Future[int], in linIn) linOut {
	switch in.op {
	case linWait:
		return linAnswer(f.Wait(ctx))
	case linSetResult:
		return linSet(f.SetResult(in.id))
	case linSetError:
		return linSet(f.SetError(&linErrBy{in.id}))
	case linCancel:
		return linOut{set: f.Cancel(&linErrBy{in.id})}
	case linErr:
		if err := f.Err(); err != nil {
			return linAnswer(0, err)
		}
		return linOut{}
	case linIsDone:
		return linOut{set: f.IsDone()}
	default:
		return linAnswer(f.Result())
	}
}

func TestLinearizableFuture(t *testing.T) {
	testkit.Guard(t)
	n, base := linDefault, rand.Uint64()>>16
	if v, err := strconv.Atoi(os.Getenv("CORRAL_HISTORIES")); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("CORRAL_SEED"), 10, 64); err == nil {
		base = v
	}
	t.Cleanup(func() { park.SetSchedule(nil) })
	answers := 0
	for from := 0; from < n; from += 50 {
		var histories []*linHistory
		synctest.Test(t, func(t *testing.T) {
			for i := from; i < min(n, from+50); i++ {
				histories = append(histories, runLinHistory(t, base+uint64(i)))
			}
		})
		for _, h := range histories {
			h.check(t)
			answers += len(h.ops)
		}
	}
	t.Logf("%d histories are linearizable: %d answers; seeds from %d", n, answers, base)
}

// R50, I6: who sets a future second hears that it is done already, and then it
// is, for whoever asks: also if that is in the instant in which it becomes so.
func TestFutureSetSecondIsDone(t *testing.T) {
	testkit.Guard(t)
	for name, second := range map[string]func(f *task.Future[int]) error{
		"SetResult": func(f *task.Future[int]) error { return f.SetResult(2) },
		"SetError":  func(f *task.Future[int]) error { return f.SetError(tkErrA) },
		"Cancel": func(f *task.Future[int]) error {
			if f.Cancel(nil) {
				return nil
			}
			return task.ErrInvalidState
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer park.SetSchedule(nil)
			synctest.Test(t, func(t *testing.T) {
				var f task.Future[int]
				held, first := make(chan struct{}), true
				park.SetSchedule(func() {
					if first {
						first = false
						<-held // between the claim and the end
					}
				})
				go func() { _ = f.SetResult(1) }()
				synctest.Wait()
				require.False(t, first)
				go func() {
					err := second(&f)
					v, readErr := f.Result()
					require.ErrorIs(t, err, task.ErrInvalidState)
					require.NoError(t, readErr)
					require.Equal(t, 1, v)
				}()
				synctest.Wait()
				require.False(t, f.IsDone())
				close(held)
				synctest.Wait()
			})
		})
	}
}

type linHistory struct {
	seed   uint64
	future task.Future[int]
	clock  atomic.Int64
	lanes  [linClients]linLane
	called atomic.Int32 // the callback
	ops    []porcupine.Operation
}

// linLane is a client.
type linLane struct {
	rng    *rand.Rand
	ops    []porcupine.Operation
	inside atomic.Pointer[linIn]
	since  int64 // the call that it is in has not come back by then
	cancel atomic.Pointer[context.CancelFunc]
}

func runLinHistory(t *testing.T, seed uint64) *linHistory {
	h := &linHistory{seed: seed}
	rng := rand.New(rand.NewPCG(seed, 1))
	park.SetSchedule(nil)
	if seed%2 == 0 { // more schedules than two processors have by themselves
		park.SetSchedule(func() { linPause(int(rand.Uint32() & 3)) })
	}
	if seed%3 == 0 {
		h.future.AddDoneCallback(func(*task.Future[int]) { h.called.Add(1) })
	}
	setters := 1 << rng.IntN(4) // of 24: in some histories many set it, in some hardly anybody
	atOnce := rng.IntN(4) == 0  // and in some they begin with that
	require.NoError(t, scope.Run(tkBg, func(ctx context.Context) error {
		var here atomic.Int32
		for c := range h.lanes {
			h.lanes[c].rng = rand.New(rand.NewPCG(seed, uint64(c)+2))
			scope.Go(ctx, func(ctx context.Context) error {
				for here.Add(1); here.Load() < linClients && !seam.Hosted; { // host tasks take turns
					runtime.Gosched()
				}
				for i := range linSteps {
					op := linChoose(h.lanes[c].rng, setters)
					if atOnce && i == 0 {
						op = linSetResult + linOp(c)%3
					}
					h.step(ctx, c, linIn{op: op, id: c*linSteps + i + 1})
				}
				return nil
			})
		}
		for range rng.IntN(12) {
			linPause(rng.IntN(8))
			h.lanes[rng.IntN(linClients)].stop()
		}
		for {
			synctest.Wait()
			victim := h.look(rng)
			if victim == nil {
				return nil
			}
			if rng.IntN(3) == 0 { // set and cancel at once
				scope.Go(ctx, func(context.Context) error { victim.stop(); return nil })
				h.do(ctx, linSetResult)
			} else {
				victim.stop()
			}
		}
	}))
	for _, op := range []linOp{linCancel, linResult, linErr, linIsDone} {
		h.do(tkBg, op)
	}
	if seed%3 == 0 {
		require.EqualValues(t, 1, h.called.Load(), "seed %d: R54: the callback", seed)
	}
	for c := range h.lanes {
		h.ops = append(h.ops, h.lanes[c].ops...)
	}
	return h
}

func linChoose(rng *rand.Rand, setters int) linOp {
	if rng.IntN(24) < setters {
		return linSetResult + linOp(rng.IntN(3))
	}
	if rng.IntN(2) == 0 {
		return linWait
	}
	return linResult + linOp(rng.IntN(int(linOps-linResult)))
}

// step makes a client's call, under a ctx that others may cancel. One that is
// cancelled in time has no effect, so that it is not part of the history (R2).
func (h *linHistory) step(ctx context.Context, c int, in linIn) {
	l := &h.lanes[c]
	linPause(l.rng.IntN(4))
	s := scope.New()
	plain, cancel := context.WithCancel(ctx)
	defer cancel()
	scoped := l.rng.IntN(2) == 0
	if scoped {
		cancel = func() { s.Cancel(nil) }
	}
	if in.op == linWait {
		l.cancel.Store(&cancel)
	}
	call := func(ctx context.Context) error {
		l.since = h.clock.Add(1)
		l.inside.Store(&in)
		out := linCall(ctx, &h.future, in)
		l.inside.Store(nil)
		if !out.ended {
			l.ops = append(l.ops, porcupine.Operation{ClientId: c, Input: in, Output: out, Call: l.since, Return: h.clock.Add(1)})
		}
		return nil
	}
	if scoped {
		_ = s.Run(ctx, call)
	} else {
		_ = call(plain)
	}
	l.cancel.Store(nil)
}

func (l *linLane) stop() {
	if cancel := l.cancel.Load(); cancel != nil {
		(*cancel)()
	}
}

// look notes who is parked, and returns one of them, or nil.
func (h *linHistory) look(rng *rand.Rand) *linLane {
	var parked []*linLane
	for c := range h.lanes {
		l := &h.lanes[c]
		if in := l.inside.Load(); in != nil {
			parked = append(parked, l)
			now := h.clock.Add(1)
			h.ops = append(h.ops, porcupine.Operation{ClientId: c, Input: *in, Output: linOut{parked: true}, Call: now, Return: now})
			l.since = h.clock.Add(1)
		}
	}
	if parked == nil {
		return nil
	}
	return parked[rng.IntN(len(parked))]
}

// do makes a call from the body.
func (h *linHistory) do(ctx context.Context, op linOp) {
	in := linIn{op: op, id: 100 + len(h.ops)}
	call := h.clock.Add(1)
	out := linCall(ctx, &h.future, in)
	h.ops = append(h.ops, porcupine.Operation{ClientId: linClients, Input: in, Output: out, Call: call, Return: h.clock.Add(1)})
}

func (h *linHistory) check(t *testing.T) {
	t.Helper()
	m := porcupine.Model{Init: func() any { return linFuture{} }, Step: linStep}
	result := porcupine.CheckOperationsTimeout(m, h.ops, time.Minute)
	if result == porcupine.Ok {
		return
	}
	slices.SortFunc(h.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, op := range h.ops {
		in := op.Input.(linIn)
		fmt.Fprintf(&text, "%4d…%-4d client %d #%d %v: %+v\n", op.Call, op.Return, op.ClientId, in.id, in.op, op.Output)
	}
	require.Failf(t, "not linearizable", "%s, CORRAL_SEED=%d\n%s", result, h.seed, text.String())
}

func linPause(n int) {
	for range n {
		runtime.Gosched()
	}
}
