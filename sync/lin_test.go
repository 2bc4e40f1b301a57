package sync_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
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
)

// Linearizability. Clients call a primitive in parallel, for real, and note who
// called what, when, and what came back. porcupine then looks for an order of
// the calls, each at one instant between its begin and its end, in which a dumb
// model would have given the same answers. A call that was cancelled is one that
// changes nothing (R2, R3).
//
// A history runs in a bubble, not for its clock but because it says when
// everybody who has not ended is parked. What is parked then is an answer too:
// the model must agree that the call cannot go on (a lost wake-up is one that
// could), and from then on nobody may overtake it (R4). Who is parked is served
// and cancelled at the same moment.
//
//	CORRAL_HISTORIES=20000 go test -race ./sync -run TestLinearizable
//	CORRAL_SEED=…                      the plans of the seed that a failure has printed
const (
	linClients = 4
	linSteps   = 8
)

// linDefault is how many histories of each subject are checked.
const linDefault = 150

// linIn is a call.
type linIn struct {
	op     string
	id     int // tells the calls of a history's clients apart
	client int
	arg    int
	line   int // that it stands in if it waits, or that goes before it
}

// linOut is its answer.
type linOut struct {
	val int
	all string // several values, one a byte
	err error
}

var (
	errLinCancelled = errors.New("cancelled")
	errLinParked    = errors.New("parked")
)

// linKind is a kind of call of one object.
type linKind struct {
	op     string
	weight int // how often it is chosen; 0: only to begin and end with
	waits  bool
	line   int
	arg    func(rng *rand.Rand) int // nil: a number of its own
	call   func(ctx context.Context, in linIn) linOut
}

// linSubject is what is checked. open makes an object and its kinds of calls.
type linSubject struct {
	model func(ops []porcupine.Operation) porcupine.Model
	open  func() []linKind
	leave string // the last call of every client, if any
	// last calls what shows the state in which the object was left.
	last func(do func(op string) linOut)
}

// linState is a model's state, and the calls that are known to be parked in each
// of two lines.
type linState[S comparable] struct {
	s      S
	parked [2]uint64
}

// linFixed is the model of a subject that is the same for every history.
func linFixed(m porcupine.Model) func([]porcupine.Operation) porcupine.Model {
	return func([]porcupine.Operation) porcupine.Model { return m }
}

// linModel makes a model of a step, which says whether s allows the answer, and
// what becomes of s. ahead is how many are known to wait in line before this one.
func linModel[S comparable](first S, step func(s S, in linIn, out linOut, ahead int) (S, bool)) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return linState[S]{s: first} },
		Step: func(state, input, output any) (bool, any) {
			st, in, out := state.(linState[S]), input.(linIn), output.(linOut)
			line, bit := &st.parked[in.line], uint64(1)<<in.id
			ahead := 0
			if *line&bit == 0 {
				ahead = bits.OnesCount64(*line)
			}
			*line &^= bit
			if out.err == errLinCancelled {
				return true, st
			}
			if out.err == errLinParked {
				*line |= bit
			}
			var ok bool
			st.s, ok = step(st.s, in, out, ahead)
			return ok, st
		},
		DescribeOperation: func(input, output any) string {
			in, out := input.(linIn), output.(linOut)
			return fmt.Sprintf("#%d %s(%d) = %d %v %v", in.id, in.op, in.arg, out.val, []byte(out.all), out.err)
		},
	}
}

// linearizable runs and checks histories.
func linearizable(t *testing.T, s linSubject) {
	t.Helper()
	n, base := linCount(linDefault), linSeed()
	t.Cleanup(func() { park.SetSchedule(nil) })
	operations, cancelled := 0, 0
	for from := 0; from < n; from += 50 {
		var histories []*linHistory
		synctest.Test(t, func(*testing.T) {
			for i := from; i < min(n, from+50); i++ {
				histories = append(histories, runLinHistory(s, base+uint64(i)))
			}
		})
		for _, h := range histories {
			h.check(t, s.model(h.ops))
			operations += len(h.ops)
			cancelled += h.cancelled
		}
	}
	t.Logf("%d histories are linearizable: %d answers; %d calls were cancelled; seeds from %d", n, operations, cancelled, base)
}

func linCount(n int) int {
	if v, err := strconv.Atoi(os.Getenv("CORRAL_HISTORIES")); err == nil {
		return v
	}
	return n
}

func linSeed() uint64 {
	if v, err := strconv.ParseUint(os.Getenv("CORRAL_SEED"), 10, 64); err == nil {
		return v
	}
	return rand.Uint64() >> 16
}

// linHistory is a run of one object.
type linHistory struct {
	seed  uint64
	kinds []linKind
	clock atomic.Int64
	lanes [linClients]linLane

	// Of the body of the scope; the lanes' own are collected at the end.
	rng       *rand.Rand
	ops       []porcupine.Operation
	bad       []string
	cancelled int
}

// linLane is a client.
type linLane struct {
	steps []linStep
	ops   []porcupine.Operation
	bad   []string

	cancelled int // calls

	inside atomic.Pointer[linIn]  // the call that it is in
	since  int64                  // that call has done nothing by then; of the body while it is parked
	cancel atomic.Pointer[func()] // cancels that call
}

type linStep struct {
	kind   linKind
	in     linIn
	scoped bool // it is cancelled with a scope of its own, else with a plain context
	before bool // it is cancelled before the call
	pause  int
}

func runLinHistory(s linSubject, seed uint64) *linHistory {
	h := &linHistory{seed: seed, kinds: s.open(), rng: rand.New(rand.NewPCG(seed, 1))}
	h.plan()
	park.SetSchedule(nil)
	if seed%2 == 0 { // more schedules than two processors have by themselves
		park.SetSchedule(func() { linPause(int(rand.Uint32() & 3)) })
	}
	err := scope.Run(background, func(ctx context.Context) error {
		h.run(ctx, s.leave)
		s.last(func(op string) linOut { return h.do(ctx, op) })
		return nil
	})
	if err != nil {
		h.bad = append(h.bad, err.Error())
	}
	for i := range h.lanes {
		h.ops = append(h.ops, h.lanes[i].ops...)
		h.bad = append(h.bad, h.lanes[i].bad...)
		h.cancelled += h.lanes[i].cancelled
	}
	return h
}

// plan draws what the clients do.
func (h *linHistory) plan() {
	var all []linKind
	for _, k := range h.kinds {
		for range k.weight {
			all = append(all, k)
		}
	}
	for c := range h.lanes {
		for i := range linSteps {
			st := linStep{kind: all[h.rng.IntN(len(all))], scoped: h.rng.IntN(2) == 0, before: h.rng.IntN(16) == 0, pause: h.rng.IntN(4)}
			st.in = h.input(st.kind, c*linSteps+i, c)
			h.lanes[c].steps = append(h.lanes[c].steps, st)
		}
	}
}

func (h *linHistory) input(k linKind, id, client int) linIn {
	in := linIn{op: k.op, id: id, client: client, arg: id + 1, line: k.line}
	if k.arg != nil {
		in.arg = k.arg(h.rng)
	}
	return in
}

// run lets the clients run until all have ended. Whenever everybody is parked,
// it serves or cancels one of them, or both at once.
func (h *linHistory) run(ctx context.Context, leave string) {
	var here atomic.Int32
	meet := func() {
		for here.Add(1); here.Load() <= linClients && !seam.Hosted; { // host tasks take turns
			runtime.Gosched()
		}
	}
	for c := range h.lanes {
		scope.Go(ctx, func(ctx context.Context) error {
			meet()
			for i := range h.lanes[c].steps {
				h.step(ctx, &h.lanes[c], &h.lanes[c].steps[i])
			}
			if leave != "" {
				k := h.kind(leave)
				h.note(ctx, &h.lanes[c], &linStep{kind: k, in: linIn{op: leave, id: linClients*linSteps + c, client: c, line: k.line}})
			}
			return nil
		})
	}
	meet()
	for range h.rng.IntN(16) {
		linPause(h.rng.IntN(8))
		h.lanes[h.rng.IntN(linClients)].stop()
	}
	for served := 0; ; {
		synctest.Wait()
		victim := h.look()
		if victim == nil {
			return
		}
		how := h.rng.IntN(3)
		if served == linSteps {
			how = 0
		}
		switch how {
		case 0:
			victim.stop()
			continue
		case 1:
			pause := h.rng.IntN(8)
			scope.Go(ctx, func(context.Context) error {
				linPause(pause)
				victim.stop()
				return nil
			})
		}
		linPause(h.rng.IntN(4))
		h.serve(ctx)
		served++
	}
}

// look notes what is parked, and returns one of the clients, or nil.
func (h *linHistory) look() *linLane {
	var parked []*linLane
	for c := range h.lanes {
		if in := h.lanes[c].inside.Load(); in != nil {
			parked = append(parked, &h.lanes[c])
			now := h.clock.Add(1)
			h.ops = append(h.ops, porcupine.Operation{ClientId: c, Input: *in, Output: linOut{err: errLinParked}, Call: now, Return: now})
			h.lanes[c].since = h.clock.Add(1)
		}
	}
	if parked == nil {
		return nil
	}
	return parked[h.rng.IntN(len(parked))]
}

// serve makes a call that does not wait.
func (h *linHistory) serve(ctx context.Context) {
	for {
		k := h.kinds[h.rng.IntN(len(h.kinds))]
		if k.weight > 0 && !k.waits {
			h.do(ctx, k.op)
			return
		}
	}
}

// do makes a call from here.
func (h *linHistory) do(ctx context.Context, op string) linOut {
	k := h.kind(op)
	in := h.input(k, 63, linClients)
	if k.arg == nil {
		in.arg = 100 + len(h.ops)
	}
	o := porcupine.Operation{ClientId: linClients, Input: in, Call: h.clock.Add(1)}
	out := k.call(ctx, in)
	o.Output, o.Return = out, h.clock.Add(1)
	h.ops = append(h.ops, o)
	return out
}

func (h *linHistory) kind(op string) linKind {
	return h.kinds[slices.IndexFunc(h.kinds, func(k linKind) bool { return k.op == op })]
}

// step makes a client's call.
func (h *linHistory) step(ctx context.Context, l *linLane, st *linStep) {
	linPause(st.pause)
	if !st.kind.waits {
		h.note(ctx, l, st)
		return
	}
	if st.scoped {
		s := scope.New()
		l.begin(st, func() { s.Cancel(nil) })
		if err := s.Run(ctx, func(ctx context.Context) error { h.note(ctx, l, st); return nil }); err != nil {
			l.bad = append(l.bad, err.Error())
		}
	} else {
		ctx, cancel := context.WithCancel(ctx)
		l.begin(st, cancel)
		h.note(ctx, l, st)
		cancel()
	}
	l.cancel.Store(nil)
}

func (l *linLane) begin(st *linStep, cancel func()) {
	if st.before {
		cancel()
	}
	l.cancel.Store(&cancel)
}

func (l *linLane) stop() {
	if cancel := l.cancel.Load(); cancel != nil {
		(*cancel)()
	}
}

func (h *linHistory) note(ctx context.Context, l *linLane, st *linStep) {
	call := h.clock.Add(1)
	l.since = call
	l.inside.Store(&st.in)
	out := st.kind.call(ctx, st.in)
	l.inside.Store(nil)
	switch canceled := errors.Is(out.err, context.Canceled); {
	case canceled:
		out = linOut{err: errLinCancelled}
	case st.before && st.kind.waits:
		l.bad = append(l.bad, fmt.Sprintf("#%d %s did something in a ctx that was cancelled before (R2): %v", st.in.id, st.in.op, out))
	}
	if out.err == errLinCancelled {
		l.cancelled++
		if l.since == call { // it was not seen to wait: nothing can come of it at any time
			return
		}
	}
	l.ops = append(l.ops, porcupine.Operation{ClientId: st.in.client, Input: st.in, Output: out, Call: l.since, Return: h.clock.Add(1)})
}

func (h *linHistory) check(t *testing.T, m porcupine.Model) {
	t.Helper()
	result := porcupine.Illegal
	if h.bad == nil {
		result = porcupine.CheckOperationsTimeout(m, h.ops, time.Minute)
	}
	if result == porcupine.Ok {
		return
	}
	slices.SortFunc(h.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, op := range h.ops {
		fmt.Fprintf(&text, "%4d…%-4d client %d %s\n", op.Call, op.Return, op.ClientId, m.DescribeOperation(op.Input, op.Output))
	}
	require.Failf(t, "not linearizable", "%s, CORRAL_SEED=%d %v\n%s", result, h.seed, h.bad, text.String())
}

// linPause lets others run for a while.
func linPause(n int) {
	for range n {
		runtime.Gosched()
	}
}
