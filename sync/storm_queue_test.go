package sync_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// I3, I4, R2, R3, R70: 64 putters and 64 getters, any of which may be cancelled
// at any moment, and goes on. A put that was cancelled is made again, so that an
// item that was stored all the same would come twice, and a get that was
// cancelled with an item in its hand would lose it. Each item is received exactly
// once, and those of one putter in their order by whoever gets them.
//
//	CORRAL_SOAK=1 go test ./sync -run TestCancelStorm -v -timeout 30m         # 10⁷ items
//	CORRAL_SOAK=1 go test -race ./sync -run TestCancelStorm -v -timeout 30m   # 10⁶
func TestCancelStorm(t *testing.T) {
	testkit.Guard(t)
	items := invariant.Few(100_000)
	if os.Getenv("CORRAL_SOAK") != "" {
		items = 10_000_000
		if underRace() {
			items = 1_000_000
		}
	}
	for _, maxsize := range []int{1, 16, 0} {
		t.Run(fmt.Sprintf("maxsize %d", maxsize), func(t *testing.T) {
			newStorm(csync.NewQueue[stormItem](maxsize), items/3, linSeed()).run(t)
		})
	}
}

// underRace reports whether the race detector looks on.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

const stormWorkers = 64 // of each kind

type stormItem struct{ putter, number int }

type storm struct {
	q         *csync.Queue[stormItem]
	each      int // items of a putter
	seed      uint64
	received  [stormWorkers][]atomic.Bool
	putters   atomic.Int64 // that have not ended
	cancelled atomic.Int64 // calls
	over      atomic.Bool
	cancel    [2 * stormWorkers]atomic.Pointer[func()] // whatever the worker does now
}

func newStorm(q *csync.Queue[stormItem], items int, seed uint64) *storm {
	s := &storm{q: q, each: (items + stormWorkers - 1) / stormWorkers, seed: seed}
	for p := range s.received {
		s.received[p] = make([]atomic.Bool, s.each)
	}
	s.putters.Store(stormWorkers)
	return s
}

func (s *storm) run(t *testing.T) {
	var getters atomic.Int64
	getters.Store(stormWorkers)
	err := scope.Run(background, func(ctx context.Context) error {
		for i := range stormWorkers {
			scope.Go(ctx, func(ctx context.Context) error {
				defer func() {
					if s.putters.Add(-1) == 0 {
						s.q.Close()
					}
				}()
				return s.again(ctx, i, s.putter(i))
			})
			scope.Go(ctx, func(ctx context.Context) error {
				defer func() { s.over.Store(getters.Add(-1) == 0) }()
				return s.again(ctx, stormWorkers+i, s.getter(i))
			})
		}
		rng := rand.New(rand.NewPCG(s.seed, 0))
		for !s.over.Load() { // beside the workers, which strike each other
			s.strike(rng)
			linPause(rng.IntN(4))
		}
		return nil
	})
	require.NoError(t, err, "CORRAL_SEED=%d", s.seed)
	for p := range s.received {
		for i := range s.received[p] {
			require.True(t, s.received[p][i].Load(), "item %d of putter %d is lost; CORRAL_SEED=%d", i, p, s.seed)
		}
	}
	st := s.q.Stats()
	require.Zero(t, st.Len+st.WaitingGetters+st.WaitingPutters)
	require.EqualValues(t, s.each*stormWorkers, st.Puts)
	require.EqualValues(t, s.each*stormWorkers, st.Gets)
	t.Logf("%d items received exactly once, %d calls cancelled", s.each*stormWorkers, s.cancelled.Load())
}

// strike cancels one of the workers, whatever it does now.
func (s *storm) strike(rng *rand.Rand) {
	if cancel := s.cancel[rng.IntN(len(s.cancel))].Load(); cancel != nil {
		(*cancel)()
	}
}

// again calls step until that says that it is done, each time it was cancelled
// under a new ctx: half of the workers under a scope's, half under a plain one.
func (s *storm) again(ctx context.Context, worker int, step func(ctx context.Context) (done bool, err error)) error {
	for done := false; !done && ctx.Err() == nil; {
		steps := func(ctx context.Context) (err error) {
			for !done && err == nil {
				done, err = step(ctx)
			}
			if err == nil || !errors.Is(err, context.Canceled) {
				return err
			}
			s.cancelled.Add(1)
			if ctx.Err() == nil {
				return fmt.Errorf("cancelled in a ctx that is not: %w", errLinCancelled)
			}
			return nil
		}
		var err error
		if worker%2 == 0 {
			sc := scope.New()
			cancel := func() { sc.Cancel(nil) }
			s.cancel[worker].Store(&cancel)
			err = sc.Run(ctx, steps)
		} else {
			plain, stop := context.WithCancel(ctx)
			cancel := func() { stop() }
			s.cancel[worker].Store(&cancel)
			err = steps(plain)
			stop()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *storm) putter(p int) func(ctx context.Context) (bool, error) {
	rng, next := rand.New(rand.NewPCG(s.seed, uint64(p)+1)), 0
	return func(ctx context.Context) (bool, error) {
		if next == s.each {
			return true, nil
		}
		err := csync.ErrQueueFull
		if rng.IntN(8) == 0 {
			err = s.q.TryPut(ctx, stormItem{p, next})
		}
		if err == csync.ErrQueueFull {
			err = s.q.Put(ctx, stormItem{p, next})
		}
		if err == nil {
			next++
		}
		if rng.IntN(32) == 0 {
			s.strike(rng)
		}
		return false, err
	}
}

func (s *storm) getter(g int) func(ctx context.Context) (bool, error) {
	rng := rand.New(rand.NewPCG(s.seed, uint64(g)+1+stormWorkers))
	var next [stormWorkers]int // of each putter: what comes is this one, or a later one
	return func(ctx context.Context) (bool, error) {
		item, err := stormItem{}, csync.ErrQueueEmpty
		if rng.IntN(8) == 0 {
			item, err = s.q.TryGet(ctx)
		}
		if err == csync.ErrQueueEmpty {
			item, err = s.q.Get(ctx)
		}
		switch {
		case err == csync.ErrQueueClosed:
			return true, nil
		case err != nil:
			return false, err
		case item.number < next[item.putter]:
			return true, fmt.Errorf("item %d of putter %d came after a later one", item.number, item.putter)
		case !s.received[item.putter][item.number].CompareAndSwap(false, true):
			return true, fmt.Errorf("item %d of putter %d came twice", item.number, item.putter)
		}
		next[item.putter] = item.number + 1
		if rng.IntN(32) == 0 {
			s.strike(rng)
		}
		return false, nil
	}
}
