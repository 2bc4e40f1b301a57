package zoo

// bugs are of kinds that trackers of such libraries are full of. Each says with
// its name what has gone wrong.
var bugs = []bug{
	{
		"item lost when its getter is cancelled at the hand-over", "internal/park/line.go",
		"		if t.Claim() {\n			return t\n		}\n", "		t.Claim()\n		return t\n",
		"sync", "TestSchedulesOfLock",
	},
	{
		"wake swallowed by a cancelled waiter", "internal/park/line.go",
		"	for t := l.first; t != nil; t = l.first {\n		l.Remove(t)", "	if t := l.first; t != nil {\n		l.Remove(t)",
		"sync", "TestSchedulesOfLock",
	},
	{
		"cancellation between the check and the park is missed", "internal/park/wait.go",
		"	if ctx == nil || ctx.Err() == nil || !w.claim(canceled) {\n", "	if true {\n",
		"sync", "TestSchedulesOfHandOver",
	},
	{
		"ticket of a cancelled wait stays in line", "internal/park/wait.go",
		"	mu.Lock()\n	line.Remove(t)\n	mu.Unlock()\n	if phase", "	if phase",
		"sync", "TestSchedulesOfCondition",
	},
	{
		"poke that forgets to wake", "internal/park/place.go",
		"		s.wake()\n", "",
		"scope", "TestSchedulesOfCancel",
	},
	{
		"latch looked at before its lock is taken", "internal/park/latch.go",
		"	c := l.come()\n	c.mu.Lock()\n	if l.Closed() {\n		c.mu.Unlock()\n		return c, nil\n	}\n	t := &c.first",
		"	c := l.come()\n	if l.Closed() {\n		return c, nil\n	}\n	c.mu.Lock()\n	t := &c.first",
		"task", "TestSchedulesOfFuture",
	},
	{
		"future done before its value is there", "task/future.go",
		"	park.Yield()\n	f.value, f.err = v, err\n	f.trace.settled(f.name, state, err)\n	if f.latch.Close(by) {",
		"	came := f.latch.Close(by)\n	f.value, f.err = v, err\n	f.trace.settled(f.name, state, err)\n	if came {",
		"task", "TestSchedulesOfFuture",
	},
	{
		"callback added while they run is lost", "task/callback.go",
		"	return !r.over\n", "	return true\n",
		"task", "TestSchedulesOfFuture",
	},
	{
		"task refused nowhere", "scope/spawn.go",
		"	if s.phase == made || s.phase == closed {", "	if s.phase == made {",
		"scope", "TestSchedulesOfAdmission",
	},
	{
		"exit that does not wait for background tasks", "scope/leave.go",
		"	s.awaitLocked(func() bool { return s.front == 0 && s.back == 0 && s.hooks == 0 && s.inner == nil })\n", "",
		"scope", "TestSchedulesOfBackground",
	},
	{
		"scope inside that wakes nobody at its end", "scope/scope.go",
		"		o.wakeBodyLocked(s.place.Strand)\n", "",
		"scope", "TestSchedulesOfStrangers",
	},
	{
		"cancel that does not reach scopes inside tasks", "scope/cancel.go",
		"			work = c.innerScopes(work)\n", "",
		"scope", "TestSchedulesOfCancel",
	},
	{
		"cancel of one task that wakes nobody", "scope/child.go",
		"	c.strand.Poke(e.why)\n	for", "	for",
		"scope", "TestSchedulesOfCancel",
	},
	{
		"turn of a limit that is not passed on", "scope/finish.go",
		"	s.running--\n	turn", "	turn",
		"scope", "TestSchedulesOfLimit",
	},
	{
		"cancelled before its failure is known", "scope/finish.go",
		"	came := c.publish(e.state, e.err)\n	if cause != nil {\n		s.cancel(cause, false, &c.strand)\n	}\n",
		"	if cause != nil {\n		s.cancel(cause, false, &c.strand)\n	}\n	came := c.publish(e.state, e.err)\n",
		"scope", "TestSchedulesOfFailure",
	},
	{
		"shutdown that tells only the body's scopes", "scope/shutdown.go",
		"			for n := c.inner; n != nil; n = n.next {\n				work = append(work, n)\n			}\n", "",
		"scope", "TestSchedulesOfShutdown",
	},
	{
		"later shutdown prolongs the grace", "scope/shutdown.go",
		"	} else if until.Before(s.drain.until) {", "	} else if !until.Equal(s.drain.until) {",
		"scope", "TestSchedulesOfShutdown",
	},
	{
		"inner scope catches what its outer was cancelled for", "scope/leave.go",
		"		s.caught = s.called && !outer\n", "		s.caught = s.called\n",
		"scope", "TestSchedulesOfNestedCancels",
	},
	{
		"failure of a task listed twice", "scope/failures.go",
		"return !l.has(leaf) })\n	if f.Err == nil || l.has(f.Err) {", "return true })\n	if f.Err == nil {",
		"scope", "TestSchedulesOfFailure",
	},
	{
		"close that wakes no putters", "sync/queue_close.go",
		"	q.wakeClosedLocked(&q.putters)\n", "",
		"sync", "TestSchedulesOfQueue",
	},
	{
		"event that wakes one", "sync/event.go",
		"	e.line.ServeAll()\n", "	e.line.Serve().Wake()\n",
		"sync", "TestSchedulesOfEvent",
	},
	{
		"event looked at before its lock is taken", "sync/event.go",
		"	e.mu.Lock()\n	if e.set.Load() {\n		e.mu.Unlock()\n		return nil\n	}\n	var t", "	e.mu.Lock()\n	var t",
		"sync", "TestSchedulesOfEvent",
	},
	{
		"lock freed while somebody waits", "sync/lock_state.go",
		"	t := l.line.Serve()\n	if t == nil {\n		l.locked", "	t := l.line.Serve()\n	op.Wake(t)\n	if true {\n		l.locked",
		"sync", "TestSchedulesOfLock",
	},
	{
		"lock that nobody breaks", "sync/lock_state.go",
		"	l.failLocked(&l.line)\n", "",
		"sync", "TestSchedulesOfBrokenLock",
	},
	{
		"condition that returns without its lock", "sync/condition.go",
		"		if lost := c.takeBack(op, e); lost != nil {\n			return lost\n		}\n", "",
		"sync", "TestSchedulesOfCondition",
	},
	{
		"permit made and handed over", "sync/semaphore.go",
		"	if next == nil {\n		s.value.Store(0)\n	}\n	return next, next != nil\n", "	s.value.Store(1)\n	return next, next != nil\n",
		"sync", "TestSchedulesOfPermits",
	},
	{
		"key dropped while others wait for it", "sync/resourcelock.go",
		"	if k.users > 0 {\n		return\n	}\n", "",
		"sync", "TestSchedulesOfResourceLock",
	},
	{
		"span of a scope outlives what the scope was opened in", "scope/scope.go",
		"		NewRoot: s.isGuest() || s.late,", "		NewRoot: s.isGuest(),",
		"scope", "TestSchedulesOfLodgers",
	},
}
