package monitor

import (
	"runtime/pprof"
	"strconv"
	"sync"

	"github.com/corral-go/corral/internal/seam"
)

// The labels of a task's goroutine, and of what it starts with a bare go.
const (
	labelTask = "corral.task"    // its path
	labelID   = "corral.task.id" // what no other task has
)

func init() { seam.Unlabel = pprof.SetGoroutineLabels }

// labelling is how many Monitors want labels.
var labelling struct {
	sync.Mutex
	wanted int
}

// label has tasks that begin from now on labelled, until off is called.
func label() (off func()) {
	labelling.Lock()
	defer labelling.Unlock()
	if labelling.wanted++; labelling.wanted == 1 {
		set := func(task any) {
			id, _ := seam.NameOf(task)
			labels := pprof.Labels(labelTask, seam.PathOf(task), labelID, strconv.FormatUint(id, 10))
			pprof.SetGoroutineLabels(pprof.WithLabels(seam.ContextOf(task), labels))
		}
		seam.Label.Store(&set)
	}
	return func() {
		labelling.Lock()
		defer labelling.Unlock()
		if labelling.wanted--; labelling.wanted == 0 {
			seam.Label.Store(nil)
		}
	}
}
