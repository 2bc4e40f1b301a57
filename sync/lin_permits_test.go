package sync_test

import (
	"context"
	"math/bits"
	"math/rand/v2"
	"testing"

	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R2, R3, R4 and R74: who is known to be parked is woken by the next Set, even
// if Clear follows: Clear may not come between.
func TestLinearizableEvent(t *testing.T) {
	testkit.Guard(t)
	linearizable(t, linSubject{
		model: linFixed(linModel(false, func(set bool, in linIn, out linOut, ahead int) (bool, bool) {
			switch in.op {
			case "Wait":
				return set, set == (out.err == nil)
			case "Set":
				return true, true
			case "Clear":
				return false, !set || ahead == 0
			default:
				return set, set == (out.val == 1)
			}
		})),
		open: func() []linKind {
			e := csync.NewEvent()
			return []linKind{
				{op: "Wait", weight: 5, waits: true, call: func(ctx context.Context, _ linIn) linOut { return linOut{err: e.Wait(ctx)} }},
				{op: "Set", weight: 2, call: func(context.Context, linIn) linOut { e.Set(); return linOut{} }},
				{op: "Clear", weight: 3, call: func(context.Context, linIn) linOut { e.Clear(); return linOut{} }},
				{op: "IsSet", weight: 1, call: func(context.Context, linIn) linOut {
					if e.IsSet() {
						return linOut{val: 1}
					}
					return linOut{}
				}},
			}
		},
		last: func(do func(string) linOut) { do("IsSet") },
	})
}

// R2, R3, R4: a permit is lost nowhere and made by Release only.
func TestLinearizableSemaphore(t *testing.T) {
	testkit.Guard(t)
	const first, most = 1, 2
	linearizable(t, linSubject{
		model: linFixed(linModel(first, func(value int, in linIn, out linOut, ahead int) (int, bool) {
			switch {
			case in.op == "Value":
				return value, value == out.val
			case in.op == "Release" && out.err == nil:
				return value + 1, value < most
			case in.op == "Release":
				return value, value == most && out.err == csync.ErrOverRelease
			case out.err == nil:
				return value - 1, value > ahead
			default:
				would := in.op == "TryAcquire" && out.err == csync.ErrWouldBlock || in.op == "Acquire" && out.err == errLinParked
				return value, value == 0 && would
			}
		})),
		open: func() []linKind {
			s := csync.NewSemaphore(first, csync.MaxValue(most))
			return []linKind{
				{op: "Acquire", weight: 6, waits: true, call: func(ctx context.Context, _ linIn) linOut { return linOut{err: s.Acquire(ctx)} }},
				{op: "TryAcquire", weight: 2, call: func(ctx context.Context, _ linIn) linOut { return linOut{err: s.TryAcquire(ctx)} }},
				{op: "Release", weight: 6, call: func(context.Context, linIn) linOut { return linOut{err: s.Release()} }},
				{op: "Value", weight: 1, call: func(context.Context, linIn) linOut { return linOut{val: s.Value()} }},
			}
		},
		last: func(do func(string) linOut) {
			do("Value")
			for do("TryAcquire").err == nil {
			}
		},
	})
}

// linLimiter is a total and a set of borrowers, one a bit.
type linLimiter struct {
	total     int
	borrowers uint16
}

// linBorrower is who borrows: one of three that clients share, or the client's
// own task.
func linBorrower(in linIn) (shared int, own bool) { return in.arg, in.arg == 3 }

func stepLimiter(s linLimiter, in linIn, out linOut, ahead int) (linLimiter, bool) {
	who := uint16(1) << in.arg
	if _, own := linBorrower(in); own {
		who <<= in.client
	}
	has, lent := s.borrowers&who != 0, bits.OnesCount16(s.borrowers)
	switch in.op {
	case "SetTotal":
		s.total = in.arg
		return s, out.err == nil
	case "Borrowed":
		return s, out.val == lent
	case "Available":
		return s, out.val == max(0, s.total-lent)
	case "Release":
		s.borrowers &^= who
		return s, has && out.err == nil || !has && out.err == csync.ErrNotOwner
	}
	switch out.err {
	case nil:
		s.borrowers |= who
		return s, !has && lent+ahead < s.total
	case csync.ErrAlreadyOwner:
		return s, has
	case csync.ErrWouldBlock:
		return s, !has && lent >= s.total && in.op == "TryAcquire"
	default:
		return s, lent >= s.total && out.err == errLinParked && in.op == "Acquire"
	}
}

// R2, R3, R4 and R77: a borrower has one token at most, no more are lent than
// there are, and who waits is let in as soon as there is one, whatever is lent
// and however the total changes.
func TestLinearizableCapacityLimiter(t *testing.T) {
	testkit.Guard(t)
	who := func(rng *rand.Rand) int { return rng.IntN(4) }
	linearizable(t, linSubject{
		model: linFixed(linModel(linLimiter{total: 1}, stepLimiter)),
		open: func() []linKind {
			l := csync.NewCapacityLimiter(1)
			return []linKind{
				{op: "Acquire", weight: 6, waits: true, arg: who, call: func(ctx context.Context, in linIn) linOut {
					if shared, own := linBorrower(in); !own {
						return linOut{err: l.AcquireOnBehalfOf(ctx, shared)}
					}
					return linOut{err: l.Acquire(ctx)}
				}},
				{op: "TryAcquire", weight: 2, arg: who, call: func(ctx context.Context, in linIn) linOut {
					if shared, own := linBorrower(in); !own {
						return linOut{err: l.TryAcquireOnBehalfOf(ctx, shared)}
					}
					return linOut{err: l.TryAcquire(ctx)}
				}},
				{op: "Release", weight: 6, arg: who, call: func(ctx context.Context, in linIn) linOut {
					if shared, own := linBorrower(in); !own {
						return linOut{err: l.ReleaseOnBehalfOf(shared)}
					}
					return linOut{err: l.Release(ctx)}
				}},
				{op: "SetTotal", weight: 3, arg: func(rng *rand.Rand) int { return rng.IntN(4) }, call: func(_ context.Context, in linIn) linOut {
					return linOut{err: l.SetTotal(in.arg)}
				}},
				{op: "Borrowed", weight: 1, call: func(context.Context, linIn) linOut { return linOut{val: l.Borrowed()} }},
				{op: "Available", weight: 1, call: func(context.Context, linIn) linOut { return linOut{val: l.Available()} }},
			}
		},
		last: func(do func(string) linOut) {
			do("Borrowed")
			do("Available")
			for range 8 {
				do("Release")
			}
			do("Borrowed")
		},
	})
}

// linFree is the owner of a lock that nobody has.
const linFree = -1

func stepLock(owner int, in linIn, out linOut, ahead int) (int, bool) {
	switch in.op {
	case "Locked":
		return owner, (owner != linFree) == (out.val == 1)
	case "Release":
		if owner != in.client {
			return owner, out.err == csync.ErrNotOwner
		}
		return linFree, out.err == nil
	}
	switch out.err {
	case nil:
		return in.client, owner == linFree && ahead == 0
	case csync.ErrAlreadyOwner:
		return owner, owner == in.client
	case csync.ErrWouldBlock:
		return owner, owner != linFree && owner != in.client && in.op == "TryAcquire"
	default:
		return owner, owner != linFree && owner != in.client && out.err == errLinParked && in.op == "Acquire"
	}
}

// R2, R3, R4 and R75: one owner at a time, and who waits is the next.
func TestLinearizableLock(t *testing.T) {
	testkit.Guard(t)
	linearizable(t, linSubject{
		model: linFixed(linModel(linFree, stepLock)),
		open: func() []linKind {
			l := csync.NewLock()
			return []linKind{
				{op: "Acquire", weight: 6, waits: true, call: func(ctx context.Context, _ linIn) linOut { return linOut{err: l.Acquire(ctx)} }},
				{op: "TryAcquire", weight: 2, call: func(ctx context.Context, _ linIn) linOut { return linOut{err: l.TryAcquire(ctx)} }},
				{op: "Release", weight: 6, call: func(ctx context.Context, _ linIn) linOut { return linOut{err: l.Release(ctx)} }},
				{op: "Locked", weight: 1, call: func(context.Context, linIn) linOut {
					if l.Locked() {
						return linOut{val: 1}
					}
					return linOut{}
				}},
			}
		},
		leave: "Release",
		last: func(do func(string) linOut) {
			do("Release")
			do("Locked")
		},
	})
}
