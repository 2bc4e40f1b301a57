package sync_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// R2, R4, R5, R75, R76: whatever some tasks do with a lock and two conditions of
// it, one step at a time, it answers as a dumb model does: an owner, and lines of
// who waits. rapid chooses the steps, and shrinks those that fail; it prints how
// to repeat them.
//
//	go test ./sync -run TestModelLock -rapid.checks=20000
func TestModelLock(t *testing.T) {
	testkit.Guard(t)
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			m := newLockMachine(t)
			t.Repeat(map[string]func(*rapid.T){
				"":               m.check,
				"acquire":        m.acquire,
				"try":            m.try,
				"release":        m.release,
				"releaseThenTry": m.releaseThenTry,
				"releaseAndStop": m.releaseAndStop,
				"wait":           m.wait,
				"notify":         m.notify,
				"stop":           m.stop,
				"stopBefore":     m.stopBefore,
				"end":            m.end,
				"renew":          m.renew,
			})
		})
	})
}

const (
	lockTasks = 5
	noTask    = -1
)

// lockMachine is a lock with two conditions, the tasks that use it, and what
// should come of it.
type lockMachine struct {
	ctx   context.Context // of the scope
	lock  *csync.Lock
	conds [2]*csync.Condition
	tasks [lockTasks]*lockTask

	owner  int
	broken bool
	line   []lockClaim // for the lock
	waits  [2][]int    // for the conditions
}

// lockClaim is a task that waits for the lock. One that has waited for a
// condition cannot be cancelled any more, and knows what it will return.
type lockClaim struct {
	task  int
	fixed bool
	err   error
}

// lockTask makes the calls it is told to, one at a time.
type lockTask struct {
	ctx    context.Context
	todo   csync.Queue[func()] // closed: the task is to end
	cancel func()              // cancels the call that it is in
	busy   bool
	err    error // of the last call

	parked bool // it should be in a call
	want   error
}

func newLockMachine(t *rapid.T) *lockMachine {
	m := &lockMachine{}
	m.reset()
	opened, closing, closed := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		closed <- scope.Run(background, func(ctx context.Context) error {
			m.ctx = ctx
			close(opened)
			<-closing
			return nil
		})
	}()
	<-opened
	for i := range m.tasks {
		m.begin(i)
	}
	t.Cleanup(func() {
		for _, k := range m.tasks {
			k.todo.Close()
		}
		scope.From(m.ctx).Cancel(nil)
		close(closing)
		if err := <-closed; err != nil {
			t.Errorf("the scope: %v", err)
		}
	})
	return m
}

func (m *lockMachine) reset() {
	m.lock = csync.NewLock()
	m.conds = [2]*csync.Condition{csync.NewCondition(m.lock), csync.NewCondition(m.lock)}
	m.owner, m.broken = noTask, false
}

func (m *lockMachine) begin(i int) {
	k := new(lockTask)
	m.tasks[i] = k
	scope.Go(m.ctx, func(ctx context.Context) error {
		k.ctx = ctx
		for f := range k.todo.All(ctx) {
			f()
		}
		return nil
	})
	synctest.Wait()
}

// call has a task make a call, under a scope or a plain context of its own.
func (k *lockTask) call(scoped bool, f func(ctx context.Context) error) {
	k.busy, k.parked = true, true
	if scoped {
		s := scope.New()
		k.cancel = func() { s.Cancel(nil) }
		k.tell(func() {
			_ = s.Run(k.ctx, func(ctx context.Context) error { k.err = f(ctx); return nil })
			k.busy = false
		})
		return
	}
	ctx, cancel := context.WithCancel(k.ctx)
	k.cancel = cancel
	k.tell(func() {
		defer cancel()
		k.err = f(ctx)
		k.busy = false
	})
}

func (k *lockTask) tell(f func()) { _ = k.todo.TryPut(background, f) }

// check waits until nothing moves any more, and compares.
func (m *lockMachine) check(t *rapid.T) {
	synctest.Wait()
	for i, k := range m.tasks {
		switch {
		case k.busy != k.parked:
			t.Fatalf("task %d: waits: %v, should: %v", i, k.busy, k.parked)
		case !k.busy && !errors.Is(k.err, k.want):
			t.Fatalf("task %d: returned %v, should: %v", i, k.err, k.want)
		}
	}
	if held := m.owner != noTask || m.broken; m.lock.Locked() != held {
		t.Fatalf("locked: %v, should be: %v", !held, held)
	}
	if n := m.lock.Stats().Waiters; n != len(m.line) {
		t.Fatalf("%d wait for the lock, should be %v", n, m.line)
	}
}

// answers says that the call of a task returns.
func (m *lockMachine) answers(i int, err error) { m.tasks[i].parked, m.tasks[i].want = false, err }

// pass hands the lock to who is first in line.
func (m *lockMachine) pass() {
	if m.owner = noTask; len(m.line) > 0 {
		next := m.line[0]
		m.line = m.line[1:]
		m.owner = next.task
		m.answers(next.task, next.err)
	}
}

// breaks ends the lock, for everyone.
func (m *lockMachine) breaks() {
	m.broken, m.owner = true, noTask
	for _, c := range m.line {
		m.answers(c.task, csync.ErrBrokenLock)
	}
	for _, waits := range m.waits {
		for _, i := range waits {
			m.answers(i, csync.ErrBrokenLock)
		}
	}
	m.line, m.waits = nil, [2][]int{}
}

// refusal is what a call gets that only the owner can make.
func (m *lockMachine) refusal(i int) error {
	switch {
	case m.broken:
		return csync.ErrBrokenLock
	case m.owner != i:
		return csync.ErrNotOwner
	}
	return nil
}

// some draws one of the tasks that are in a call, or are not.
func (m *lockMachine) some(t *rapid.T, parked bool) int {
	var which []int
	for i, k := range m.tasks {
		if k.parked == parked {
			which = append(which, i)
		}
	}
	if len(which) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(which).Draw(t, "task")
}

// ownerOr draws a task that is in no call, most often the owner.
func (m *lockMachine) ownerOr(t *rapid.T) int {
	if m.owner != noTask && rapid.IntRange(0, 3).Draw(t, "owner") > 0 {
		return m.owner
	}
	return m.some(t, false)
}

func scoped(t *rapid.T) bool { return rapid.Bool().Draw(t, "scoped") }

func (m *lockMachine) acquire(t *rapid.T) {
	i := m.some(t, false)
	m.tasks[i].call(scoped(t), m.lock.Acquire)
	switch {
	case m.broken:
		m.answers(i, csync.ErrBrokenLock)
	case m.owner == i:
		m.answers(i, csync.ErrAlreadyOwner)
	case m.owner == noTask:
		m.owner = i
		m.answers(i, nil)
	default:
		m.line = append(m.line, lockClaim{task: i})
	}
}

func (m *lockMachine) try(t *rapid.T) {
	i := m.some(t, false)
	m.tasks[i].call(scoped(t), m.lock.TryAcquire)
	m.tried(i)
}

func (m *lockMachine) tried(i int) {
	switch {
	case m.broken:
		m.answers(i, csync.ErrBrokenLock)
	case m.owner == i:
		m.answers(i, csync.ErrAlreadyOwner)
	case m.owner == noTask:
		m.owner = i
		m.answers(i, nil)
	default:
		m.answers(i, csync.ErrWouldBlock)
	}
}

func (m *lockMachine) release(t *rapid.T) {
	i := m.ownerOr(t)
	m.tasks[i].call(scoped(t), m.lock.Release)
	m.released(i)
}

func (m *lockMachine) released(i int) {
	err := m.refusal(i)
	m.answers(i, err)
	if err == nil {
		m.pass()
	}
}

// releaseThenTry is on one goroutine, so that who is handed the lock cannot have
// run in between (R4).
func (m *lockMachine) releaseThenTry(t *rapid.T) {
	i, by := m.ownerOr(t), m.some(t, false)
	if i == by {
		t.Skip()
	}
	k := m.tasks[by]
	k.parked = true
	m.tasks[i].call(scoped(t), func(ctx context.Context) error {
		err := m.lock.Release(ctx)
		k.err = m.lock.TryAcquire(k.ctx)
		return err
	})
	m.released(i)
	m.tried(by)
}

// releaseAndStop cancels who is first in line while it is handed the lock. It
// either has it then, or the next one does (R3).
func (m *lockMachine) releaseAndStop(t *rapid.T) {
	if m.owner == noTask || len(m.line) == 0 || m.line[0].fixed {
		t.Skip()
	}
	owner, first := m.owner, m.line[0].task
	m.tasks[owner].call(scoped(t), m.lock.Release)
	m.tasks[first].cancel()
	synctest.Wait()
	if m.tasks[first].busy || m.tasks[first].err != nil {
		m.line = m.line[1:]
		m.answers(first, context.Canceled)
	}
	m.released(owner)
}

func (m *lockMachine) wait(t *rapid.T) {
	i, c := m.ownerOr(t), rapid.IntRange(0, 1).Draw(t, "condition")
	m.tasks[i].call(scoped(t), m.conds[c].Wait)
	if err := m.refusal(i); err != nil {
		m.answers(i, err)
		return
	}
	m.waits[c] = append(m.waits[c], i)
	m.pass()
}

func (m *lockMachine) notify(t *rapid.T) {
	i, c := m.ownerOr(t), rapid.IntRange(0, 1).Draw(t, "condition")
	n := rapid.IntRange(-1, 4).Draw(t, "n")
	m.tasks[i].call(scoped(t), func(ctx context.Context) error {
		if n == 4 {
			return m.conds[c].NotifyAll(ctx)
		}
		return m.conds[c].Notify(ctx, n)
	})
	err := m.refusal(i)
	m.answers(i, err)
	if err != nil {
		return
	}
	for range min(max(0, n), len(m.waits[c])) {
		m.line = append(m.line, lockClaim{task: m.waits[c][0], fixed: true})
		m.waits[c] = m.waits[c][1:]
	}
}

// stop cancels a task's call.
func (m *lockMachine) stop(t *rapid.T) {
	i := m.some(t, true)
	m.tasks[i].cancel()
	if at := slices.IndexFunc(m.line, func(c lockClaim) bool { return c.task == i }); at >= 0 {
		if !m.line[at].fixed {
			m.line = slices.Delete(m.line, at, at+1)
			m.answers(i, context.Canceled)
		}
		return
	}
	for c := range m.waits {
		if at := slices.Index(m.waits[c], i); at >= 0 {
			m.waits[c] = slices.Delete(m.waits[c], at, at+1)
		}
	}
	if m.owner == noTask {
		m.owner = i
		m.answers(i, context.Canceled)
		return
	}
	m.line = append(m.line, lockClaim{task: i, fixed: true, err: context.Canceled})
}

// stopBefore makes a call in a ctx that is cancelled: it does nothing (R2).
func (m *lockMachine) stopBefore(t *rapid.T) {
	i := m.ownerOr(t)
	calls := []func(context.Context) error{m.lock.Acquire, m.conds[0].Wait}
	call := rapid.SampledFrom(calls).Draw(t, "call")
	k := m.tasks[i]
	k.call(scoped(t), func(ctx context.Context) error {
		k.cancel()
		return call(ctx)
	})
	m.answers(i, context.Canceled)
}

// end ends a task, which breaks the lock if it has it.
func (m *lockMachine) end(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
		t.Skip()
	}
	i := m.some(t, false)
	m.tasks[i].todo.Close()
	synctest.Wait()
	m.begin(i)
	if m.owner == i {
		m.breaks()
	}
}

// renew goes on with a new lock, after the old one broke.
func (m *lockMachine) renew(t *rapid.T) {
	if !m.broken {
		t.Skip()
	}
	m.reset()
}

// R75: a lock whose owner has ended is broken for whoever asks, also if nobody
// waited for it then. TestModelLock has found that a release was told otherwise.
func TestLockBrokenWhileNobodyWaits(t *testing.T) {
	for name, call := range map[string]func(l *csync.Lock, ctx context.Context) error{
		"Acquire":    (*csync.Lock).Acquire,
		"TryAcquire": (*csync.Lock).TryAcquire,
		"Release":    (*csync.Lock).Release,
		"Wait":       func(l *csync.Lock, ctx context.Context) error { return csync.NewCondition(l).Wait(ctx) },
		"Notify":     func(l *csync.Lock, ctx context.Context) error { return csync.NewCondition(l).Notify(ctx, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(ctx context.Context) {
				var l csync.Lock
				owner := scope.Go(ctx, l.Acquire)
				require.NoError(t, owner.Wait(ctx))
				for range 2 {
					require.ErrorIs(t, call(&l, ctx), csync.ErrBrokenLock)
				}
			})
		})
	}
}
