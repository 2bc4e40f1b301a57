package sync

// What a Try call, or a guard, answers with.
var (
	// ErrWouldBlock is what a Try call returns that would have to wait;
	// [ErrQueueFull] and [ErrQueueEmpty] are more precise ones.
	ErrWouldBlock error = &sentinel{text: "sync: would block", word: "would_block"}
	// ErrBusy is returned by [ResourceGuard.Enter] while somebody is in.
	ErrBusy error = &sentinel{text: "sync: resource is busy", word: "busy"}
)

// Errors of the queue.
var (
	// ErrQueueFull is returned by TryPut. It Is ErrWouldBlock.
	ErrQueueFull error = &sentinel{text: "sync: queue is full", word: "queue_full", is: ErrWouldBlock}
	// ErrQueueEmpty is returned by TryGet. It Is ErrWouldBlock.
	ErrQueueEmpty error = &sentinel{text: "sync: queue is empty", word: "queue_empty", is: ErrWouldBlock}
	// ErrQueueClosed is returned by puts into a closed queue, and by gets once
	// it is empty.
	ErrQueueClosed error = &sentinel{text: "sync: queue is closed", word: "queue_closed"}
	// ErrTooManyDone is returned by TaskDone when every item put so far is
	// marked already.
	ErrTooManyDone error = &sentinel{text: "sync: TaskDone was called more often than items were put", word: "too_many_done"}
)

// Errors of whoever has, or has not, what can be acquired.
var (
	// ErrNotOwner is returned to one who releases, or needs, what it does not
	// hold.
	ErrNotOwner error = &sentinel{text: "sync: not held by the caller: whoever acquires it has to release it", word: "not_owner"}
	// ErrAlreadyOwner is returned to one who acquires what it holds already:
	// it would wait for itself.
	ErrAlreadyOwner error = &sentinel{text: "sync: held by the caller already", word: "already_owner"}
	// ErrBrokenLock is returned by a lock whose owner has ended without
	// releasing it. The error that is returned Is ErrBrokenLock and names the
	// owner.
	ErrBrokenLock error = &sentinel{text: "sync: lock is broken: its owner ended without releasing it", word: "broken_lock"}
	// ErrOverRelease is returned by [Semaphore.Release] beyond [MaxValue].
	ErrOverRelease error = &sentinel{text: "sync: semaphore was released more often than acquired", word: "over_release"}
	// ErrBrokenBarrier is returned by a [Barrier] after [Barrier.Break].
	ErrBrokenBarrier error = &sentinel{text: "sync: barrier is broken", word: "broken_barrier"}
)

// errNoReturn is how an operation ends, in the trace, in which a function of the
// caller's has panicked, or ended the goroutine: nobody else hears of it.
var errNoReturn error = &sentinel{text: "sync: a function of the caller's did not return", word: "panic"}

type sentinel struct {
	text, word string
	is         error
}

func (e *sentinel) Error() string     { return e.text }
func (e *sentinel) ErrorType() string { return e.word }
func (e *sentinel) Unwrap() error     { return e.is }
