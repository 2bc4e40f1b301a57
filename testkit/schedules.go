package testkit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corral-go/corral/internal/park"
)

// Schedules runs body under n schedules, one after the other, in virtual time:
// each in a synctest bubble and a scope of its own, which ctx carries. A seed
// decides who goes on wherever tasks meet: at each lock, wake-up and start of
// theirs inside this module, one runs and the others stand still. The seeds are
// 1 to n; the same seed gives the same order again, as long as body itself does
// nothing at random, except by [Seed], and the machine is not so busy that the
// runtime preempts a goroutine, which it does after ten milliseconds.
//
// body's t is that of the bubble. The first seed under which body fails (or
// returns an error, or deadlocks, or leaves a goroutine) fails the test, and is
// named with how to repeat it: with CORRAL_SEED set, that seed alone is run.
// CORRAL_SEEDS set to a number replaces n; set to two, as 1001-2000, it says from
// which seed to which. Under -v, how many have passed is logged.
//
// Only one Schedules runs at a time, on one processor; others wait. Tests in
// parallel with it are not disturbed, unless they run in bubbles in which more
// than fifty years have gone by. It panics if body is nil, and must not be called
// in a bubble.
func Schedules(t *testing.T, n int, body func(t *testing.T, ctx context.Context) error) { //nolint:revive // t comes first in tests
	t.Helper()
	if body == nil {
		panic("testkit: Schedules with a nil body: pass the function to run")
	}
	scheduling.Lock()
	defer scheduling.Unlock()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	first, last := seedsFromEnv(t, n)
	for seed := first; seed <= last; seed++ {
		which := fmt.Sprintf("under schedule %d", seed)
		underSeed(t, uint64(seed), body, func() string { return which + repeatText("CORRAL_SEED", seed) })
	}
	t.Logf("testkit: passed under %d schedules, %d to %d", max(0, last-first+1), first, last)
}

// seedsFromEnv returns the seeds to run under: 1 to n, or what the environment
// asks for.
func seedsFromEnv(t testing.TB, n int) (first, last int) {
	number := func(name, text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("testkit: %s=%s is not a number", name, os.Getenv(name))
		}
		return n
	}
	const one, many = "CORRAL_SEED", "CORRAL_SEEDS"
	if text := os.Getenv(one); text != "" {
		only := number(one, text)
		return only, only
	}
	text := os.Getenv(many)
	if text == "" {
		return 1, n
	}
	if from, to, ok := strings.Cut(text, "-"); ok {
		return number(many, from), number(many, to)
	}
	return 1, number(many, text)
}

// underSeed runs body once, in a bubble and under a schedule of its own. If that
// fails the test it ends it, and says how: which. It needs scheduling.
func underSeed(t *testing.T, seed uint64, body func(t *testing.T, ctx context.Context) error, which func() string) { //nolint:revive // t comes first in tests
	t.Helper()
	failed := true
	defer func() {
		if failed { // also when synctest ends the test
			t.Errorf("testkit: failed %s", which())
		}
	}()
	synctest.Test(t, func(inner *testing.T) {
		time.Sleep(era)
		s := newSchedule(seed)
		park.SetSchedule(s.point)
		defer park.SetSchedule(nil)
		err := runBubble(t, context.WithValue(inner.Context(), seedKey{}, seed), which, func(ctx context.Context) error {
			return body(inner, ctx)
		})
		if err != nil {
			inner.Errorf("testkit: body: %v", err)
		}
	})
	if failed = t.Failed(); failed {
		t.FailNow()
	}
}

type seedKey struct{}

// Seed returns the seed of the schedule that ctx runs under, for a body that
// does not do the same each time; 0 if there is none.
func Seed(ctx context.Context) uint64 {
	seed, _ := ctx.Value(seedKey{}).(uint64)
	return seed
}

// scheduling is held while schedules are in force: they are the process's. So is
// GOMAXPROCS, which is 1 meanwhile: a goroutine that was woken would otherwise
// run beside who woke it until it comes to its next point, and who is there
// first would be chance.
var scheduling sync.Mutex

// era is how far into virtual time a schedule begins. A point that is reached by
// a goroutine of no bubble, or of another one, knows by its clock that it is not
// meant: bubbles begin in the year 2000, and the rest of the world is not there
// yet either. That is the cheapest way to tell; nothing else is known there.
const era = 70 * 365 * 24 * time.Hour

var eraBegins = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(era)

// A schedule decides by its seed who goes on: at each point the goroutine sleeps
// for a random virtual time, no two until the same instant, so that one runs at
// a time.
type schedule struct {
	mu    sync.Mutex // guards the rest
	rng   *rand.Rand
	taken map[int64]bool
}

func newSchedule(seed uint64) *schedule {
	return &schedule{rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), taken: map[int64]bool{}}
}

// spread is within how long a goroutine goes on.
const spread = 1 << 10 // nanoseconds

func (s *schedule) point() {
	now := time.Now()
	if now.Before(eraBegins) {
		return
	}
	time.Sleep(s.draw(now.UnixNano()))
}

// draw picks an instant that nobody else has.
func (s *schedule) draw(now int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		d := 1 + s.rng.Int64N(spread)
		if at := now + d; !s.taken[at] {
			s.taken[at] = true
			if len(s.taken) > 4*spread {
				s.forget(now)
			}
			return time.Duration(d)
		}
	}
}

// forget drops the instants that are over.
func (s *schedule) forget(now int64) {
	for at := range s.taken {
		if at < now {
			delete(s.taken, at)
		}
	}
}
