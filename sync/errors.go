package sync

// Errors of the queue.
var (
	// ErrWouldBlock is what a Try call returns that would have to wait;
	// [ErrQueueFull] and [ErrQueueEmpty] are more precise ones.
	ErrWouldBlock error = &sentinel{text: "sync: would block", word: "would_block"}
	// ErrQueueFull is returned by TryPut. It Is ErrWouldBlock.
	ErrQueueFull error = &sentinel{text: "sync: queue is full", word: "queue_full", is: ErrWouldBlock}
	// ErrQueueEmpty is returned by TryGet. It Is ErrWouldBlock.
	ErrQueueEmpty error = &sentinel{text: "sync: queue is empty", word: "queue_empty", is: ErrWouldBlock}
	// ErrQueueClosed is returned by puts into a closed queue, and by gets once
	// it is empty.
	ErrQueueClosed error = &sentinel{text: "sync: queue is closed", word: "queue_closed"}
)

type sentinel struct {
	text, word string
	is         error
}

func (e *sentinel) Error() string     { return e.text }
func (e *sentinel) ErrorType() string { return e.word }
func (e *sentinel) Unwrap() error     { return e.is }
