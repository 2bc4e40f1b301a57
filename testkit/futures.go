package testkit

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// droppedFutures are the futures of watched tests that became unreachable while
// they were pending.
var droppedFutures dropped

type dropped struct {
	mu   sync.Mutex // guards list
	list []droppedFuture
}

type droppedFuture struct {
	name     string
	at       *park.Place // nil: its maker is in no scope
	maker    []uintptr
	reported bool
}

func (f droppedFuture) String() string {
	name := "a future"
	if f.name != "" {
		name = fmt.Sprintf("future %q", f.name)
	}
	return fmt.Sprintf("%s was dropped without a result: nobody can set it any more, nor wait for it\nmade at %s", name, site(f.maker))
}

// distinct describes futures, those of one name and maker once.
func distinct(futures []droppedFuture) []string {
	times := map[string]int{}
	for _, f := range futures {
		times[f.String()]++
	}
	var texts []string
	for _, text := range sortedKeys(times) {
		if n := times[text]; n > 1 {
			text += fmt.Sprintf("\n%d of them", n)
		}
		texts = append(texts, text)
	}
	return texts
}

func (d *dropped) add(name string, at *park.Place, maker []uintptr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, droppedFuture{name: name, at: at, maker: maker})
}

func (d *dropped) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.list)
}

// since collects garbage and returns what was dropped after the first n, and was
// not returned before, but for those whose makers were cancelled.
func (d *dropped) since(n int) []droppedFuture {
	// Finalizers run one after the other, on one goroutine: when a second round
	// has begun, the first is over.
	for range 2 {
		collect()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var news []droppedFuture
	for i := range d.list[n:] {
		if f := &d.list[n+i]; !f.reported {
			f.reported = true
			if f.at == nil || !seam.WasCanceled(f.at) {
				news = append(news, *f)
			}
			f.at = nil
		}
	}
	return news
}

// collect collects garbage and waits until a finalizer of that round has run. It
// polls: a finalizer may not touch a channel of a synctest bubble.
func collect() {
	ran := new(atomic.Bool)
	func() {
		canary := new(*int) // has a pointer, and so is no tiny object that shares its memory
		runtime.SetFinalizer(canary, func(**int) { ran.Store(true) })
	}()
	runtime.GC()
	for range 1_000_000 {
		if ran.Load() {
			return
		}
		runtime.Gosched()
	}
}
