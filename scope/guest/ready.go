package guest

import (
	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/ring"
)

// item is what stands in the queue of a loop: a coroutine that goes on, or a
// job that begins.
type item struct {
	co  *coroutine
	job executor.Job
}

// ready is who stands in that queue.
type ready = ring.Ring[item]

// keep is the size above which an empty queue gives its memory back.
const keep = 1024
