package sync_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// A subject is a call that waits for something that is handed over, so that the
// rules that hold for all of them can be tested of all of them.
type subject struct {
	kind string // in the live tree
	// wait makes the call, calls got if it succeeds, and gives back what it got,
	// if that is something to give back.
	wait func(ctx context.Context, got func()) error
	// serve hands over once; nil: that cannot be done by one.
	serve func()
	// try is the call that does not wait, or nil.
	try func(ctx context.Context) error
	// all is set if one serve is for everyone who waits.
	all bool
	// stays is set if what is served stays there for the next who comes.
	stays bool
}

const subjectName = "it"

// subjects are made in the body that ctx is of, in a state in which wait waits.
var subjects = map[string]func(ctx context.Context) subject{
	"Event.Wait": func(context.Context) subject {
		e := csync.NewEvent(csync.Name(subjectName))
		return subject{kind: "event.wait", wait: plain(e.Wait), serve: e.Set, all: true, stays: true}
	},
	"Queue.Get":         getting(fifo),
	"Queue.Put":         putting(fifo),
	"PriorityQueue.Get": getting(byLess),
	"PriorityQueue.Put": putting(byLess),
	"Stack.Get":         getting(lifo),
	"Stack.Put":         putting(lifo),
	"Queue.Join": func(ctx context.Context) subject {
		q := csync.NewQueue[int](0, csync.Name(subjectName))
		_ = q.Put(ctx, 1)
		return subject{kind: "queue.join", wait: plain(q.Join), serve: func() { _ = q.TaskDone() }, all: true, stays: true}
	},
	"Lock.Acquire": func(ctx context.Context) subject {
		l := csync.NewLock(csync.Name(subjectName))
		_ = l.Acquire(ctx)
		return subject{
			kind: "lock.acquire", wait: held(l.Acquire, l.Release),
			serve: func() { _ = l.Release(ctx) }, try: l.TryAcquire, stays: true,
		}
	},
	"ResourceLock.Acquire": func(ctx context.Context) subject {
		r := csync.NewResourceLock[string](csync.Name(subjectName))
		_ = r.Acquire(ctx, "key")
		return subject{
			kind: "resource.acquire",
			wait: held(
				func(ctx context.Context) error { return r.Acquire(ctx, "key") },
				func(ctx context.Context) error { return r.Release(ctx, "key") }),
			serve: func() { _ = r.Release(ctx, "key") }, stays: true,
		}
	},
	"Condition.Wait": func(ctx context.Context) subject {
		l := csync.NewLock()
		c := csync.NewCondition(l, csync.Name(subjectName))
		return subject{
			kind: "condition.wait",
			wait: func(ctx context.Context, got func()) error {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				defer func() { _ = l.Release(ctx) }()
				err := c.Wait(ctx)
				if err == nil {
					got()
				}
				return err
			},
			serve: func() {
				_ = l.Acquire(background)
				_ = c.Notify(background, 1)
				_ = l.Release(background)
			},
		}
	},
	"Semaphore.Acquire": func(context.Context) subject {
		s := csync.NewSemaphore(0, csync.Name(subjectName))
		return subject{kind: "semaphore.acquire", wait: plain(s.Acquire), serve: func() { _ = s.Release() }, try: s.TryAcquire, stays: true}
	},
	"CapacityLimiter.Acquire": func(ctx context.Context) subject {
		l := csync.NewCapacityLimiter(1, csync.Name(subjectName))
		_ = l.Acquire(ctx)
		return subject{
			kind: "limiter.acquire", wait: held(l.Acquire, l.Release),
			serve: func() { _ = l.Release(ctx) }, try: l.TryAcquire, stays: true,
		}
	},
	"Barrier.Wait": func(context.Context) subject {
		b := csync.NewBarrier(1<<30, csync.Name(subjectName))
		return subject{
			kind: "barrier.wait",
			wait: plain(func(ctx context.Context) error { _, err := b.Wait(ctx); return err }),
		}
	},
}

func less(a, b int) bool { return a < b }

func plain(wait func(context.Context) error) func(context.Context, func()) error {
	return func(ctx context.Context, got func()) error {
		err := wait(ctx)
		if err == nil {
			got()
		}
		return err
	}
}

func held(acquire, release func(context.Context) error) func(context.Context, func()) error {
	return func(ctx context.Context, got func()) error {
		err := acquire(ctx)
		if err == nil {
			got()
			err = release(ctx)
		}
		return err
	}
}

func fifo(n int) *csync.Queue[int] { return csync.NewQueue[int](n, csync.Name(subjectName)) }
func lifo(n int) *csync.Queue[int] { return csync.NewStack[int](n, csync.Name(subjectName)) }
func byLess(n int) *csync.Queue[int] {
	return csync.NewPriorityQueue(n, less, csync.Name(subjectName))
}

func getting(queue func(int) *csync.Queue[int]) func(context.Context) subject {
	return func(context.Context) subject {
		q := queue(0)
		return subject{
			kind:  "queue.get",
			wait:  plain(func(ctx context.Context) error { _, err := q.Get(ctx); return err }),
			serve: func() { _ = q.TryPut(background, 1) },
			try:   func(ctx context.Context) error { _, err := q.TryGet(ctx); return err },
			stays: true,
		}
	}
}

func putting(queue func(int) *csync.Queue[int]) func(context.Context) subject {
	return func(ctx context.Context) subject {
		q := queue(1)
		_ = q.Put(ctx, 1)
		return subject{
			kind:  "queue.put",
			wait:  plain(func(ctx context.Context) error { return q.Put(ctx, 1) }),
			serve: func() { _, _ = q.TryGet(background) },
			try:   func(ctx context.Context) error { return q.TryPut(ctx, 1) },
			stays: true,
		}
	}
}

// each runs a test for every subject, in the body of a scope in a bubble.
func each(t *testing.T, test func(t *testing.T, ctx context.Context, s subject)) {
	t.Helper()
	for name, prepare := range subjects {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) { test(t, ctx, prepare(ctx)) })
		})
	}
}

// bubble calls f in the body of a scope, in a bubble, under a guard.
func bubble(t *testing.T, f func(ctx context.Context)) {
	t.Helper()
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, scope.Run(context.Background(), func(ctx context.Context) error {
			f(ctx)
			return nil
		}, scope.Name("test")))
	})
}
