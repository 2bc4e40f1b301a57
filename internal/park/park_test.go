package park_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) {
	park.CauseOf = context.Cause
	park.Explain = func(error) *otelx.Cause { return nil }
	os.Exit(testkit.Main(m))
}

// gate is the smallest primitive there is: a permit that is handed over.
type gate struct {
	mu      sync.Mutex
	permits int
	line    park.Line
}

func (g *gate) Awaited(park.Look) park.Mark { return park.Mark{Kind: "gate", Name: "g"} }

func (g *gate) acquire(ctx context.Context) error {
	if err := park.Check(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	if g.permits > 0 && g.line.Len() == 0 {
		g.permits--
		g.mu.Unlock()
		return nil
	}
	return park.Wait(ctx, &g.mu, &g.line, new(park.Ticket), g)
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.line.Serve(); t != nil {
		t.Wake()
		return
	}
	g.permits++
}

// strand is a place whose context a canceller pokes, as a scope does.
type strand struct {
	park.Place
	park.Strand
	cancel context.CancelCauseFunc
}

type placeContext struct {
	context.Context
	p *park.Place
}

func (c placeContext) Value(key any) any {
	if key == park.Key {
		return c.p
	}
	return c.Context.Value(key)
}

func newStrand(ctx context.Context) *strand {
	s := new(strand)
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.Place.Ctx = placeContext{ctx, &s.Place}
	s.Place.Strand = &s.Strand
	return s
}

func (s *strand) stop(cause error) {
	s.cancel(cause)
	s.Poke(otelx.Release{})
}

var errStop = errors.New("stop")

// R2: cancelled means it did not happen, also where it could at once.
func TestCancelledBeforeTheCall(t *testing.T) {
	testkit.Guard(t)
	g := &gate{permits: 1}
	s := newStrand(context.Background())
	s.stop(errStop)
	require.ErrorIs(t, g.acquire(s.Place.Ctx), errStop)
	require.Equal(t, 1, g.permits)
}

// R5, R11: a poke ends the wait and leaves no ticket behind; so does a context
// derived from the strand's, and one that is none of ours.
func TestCancelledWhileWaiting(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		s := newStrand(context.Background())
		derived, cancelDerived := context.WithCancelCause(s.Place.Ctx)
		plain, cancelPlain := context.WithCancelCause(context.Background())
		for _, c := range []struct {
			ctx    context.Context
			cancel func(error)
		}{{derived, cancelDerived}, {plain, cancelPlain}, {s.Place.Ctx, s.stop}} {
			g := new(gate)
			var err error
			go func() { err = g.acquire(c.ctx) }()
			synctest.Wait()
			require.Equal(t, 1, g.line.Len())
			c.cancel(errStop)
			synctest.Wait()
			require.ErrorIs(t, err, errStop)
			require.Zero(t, g.line.Len())
		}
	})
}

// A poke concerns the place that was cancelled and no other wait.
func TestPokeWithoutCancellation(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		g, s := new(gate), newStrand(context.Background())
		var done atomic.Bool
		go func() { _ = g.acquire(s.Place.Ctx); done.Store(true) }()
		synctest.Wait()
		s.Poke(otelx.Release{})
		synctest.Wait()
		require.False(t, done.Load())
		g.release()
		synctest.Wait()
		require.True(t, done.Load())
	})
}

// R4: first come, first served; who is being cancelled is passed over (R3).
func TestOrder(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		g := new(gate)
		var order []int
		strands := make([]*strand, 5)
		for i := range strands {
			strands[i] = newStrand(context.Background())
			go func() {
				if g.acquire(strands[i].Place.Ctx) == nil {
					order = append(order, i)
				}
			}()
			synctest.Wait()
		}
		strands[1].stop(errStop)
		for range 4 {
			g.release()
			synctest.Wait()
		}
		require.Equal(t, []int{0, 2, 3, 4}, order)
		require.Zero(t, g.permits)
	})
}

// The tree shows what is waited for while it is, and not after.
func TestMark(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		g, s := new(gate), newStrand(context.Background())
		start := time.Now()
		go func() { _ = g.acquire(s.Place.Ctx) }()
		synctest.Wait()
		what, since, _ := s.Waiting()
		require.Equal(t, park.Mark{Kind: "gate", Name: "g"}, what.Awaited(park.Patient))
		require.Equal(t, start, since)
		g.release()
		synctest.Wait()
		what, _, _ = s.Waiting()
		require.Nil(t, what)
	})
}

// Two goroutines that use one task's ctx do not disturb each other.
func TestStrandSharedByMistake(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		g, s := new(gate), newStrand(context.Background())
		var ended atomic.Int64
		for range 3 {
			go func() { _ = g.acquire(s.Place.Ctx); ended.Add(1) }()
		}
		synctest.Wait()
		g.release()
		synctest.Wait()
		require.EqualValues(t, 1, ended.Load())
		s.stop(errStop)
		synctest.Wait()
		require.EqualValues(t, 3, ended.Load())
	})
}

// R5: a sleep ends by its alarm or by cancellation, and is exact in virtual time.
func TestSleep(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		g, s := new(gate), newStrand(context.Background())
		start := time.Now()
		for range 3 {
			require.NoError(t, park.Sleep(s.Place.Ctx, time.Second, g))
		}
		require.Equal(t, 3*time.Second, time.Since(start))
		time.AfterFunc(time.Minute, func() { s.stop(errStop) })
		require.ErrorIs(t, park.Sleep(s.Place.Ctx, time.Hour, g), errStop)
		require.Equal(t, 3*time.Second+time.Minute, time.Since(start))
	})
}

// Join is not ended by cancellation.
func TestJoin(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		g, s := new(gate), newStrand(context.Background())
		var done atomic.Bool
		go func() {
			g.mu.Lock()
			park.Join(&s.Place, &g.mu, &g.line, new(park.Ticket), g)
			done.Store(true)
		}()
		synctest.Wait()
		s.stop(errStop)
		synctest.Wait()
		require.False(t, done.Load())
		g.release()
		synctest.Wait()
		require.True(t, done.Load())
	})
}

// R3: permits are neither lost nor made when waiters are cancelled in the
// instant of the hand-over. A real race, for the race detector.
func TestHandOverAgainstCancel(t *testing.T) {
	testkit.Guard(t)
	for range 2000 {
		g, s := new(gate), newStrand(context.Background())
		got := make(chan error)
		go func() { got <- g.acquire(s.Place.Ctx) }()
		go g.release()
		s.stop(errStop)
		err := <-got
		for err != nil { // then the permit is with the gate, or on its way there
			g.mu.Lock()
			there := g.permits == 1
			g.mu.Unlock()
			if there {
				break
			}
		}
		require.Zero(t, g.line.Len())
	}
}
