package testkit

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/corral-go/corral/internal/seam"
)

// A goroutine is one of the process, as its stack dump describes it.
type goroutine struct {
	id     int
	state  string // "chan receive", "running"
	bubble int    // of testing/synctest; 0: none
	label  string // of the scope it was started in; see seam.LabelKey
	text   string // the dump
}

var (
	header     = regexp.MustCompile(`^goroutine (\d+) \[([^,\]]*)`)
	bubbleIn   = regexp.MustCompile(`synctest bubble (\d+)`)
	scopeLabel = regexp.MustCompile(`"` + regexp.QuoteMeta(seam.LabelKey) + `": ("(?:[^"\\]|\\.)*")`)
)

func parseGoroutine(text string) (g goroutine, ok bool) {
	line, _, _ := strings.Cut(text, "\n")
	m := header.FindStringSubmatch(line)
	if m == nil {
		return g, false
	}
	g.id, _ = strconv.Atoi(m[1])
	g.state, _, _ = strings.Cut(m[2], " labels:{")
	g.state = strings.TrimSuffix(g.state, " (durable)")
	g.text = strings.TrimSpace(text)
	if m := bubbleIn.FindStringSubmatch(line); m != nil {
		g.bubble, _ = strconv.Atoi(m[1])
	}
	if m := scopeLabel.FindStringSubmatch(line); m != nil {
		g.label, _ = strconv.Unquote(m[1])
	}
	return g, true
}

// debugMu is held while GODEBUG is changed.
var debugMu sync.Mutex

// goroutines returns every goroutine of the process, with their labels, the
// calling one first.
func goroutines() []goroutine {
	defer showLabels()()
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var all []goroutine
	for text := range bytes.SplitSeq(buf, []byte("\n\n")) {
		if g, ok := parseGoroutine(string(text)); ok {
			all = append(all, g)
		}
	}
	return all
}

// showLabels has stack dumps show labels until the function it returns is
// called. The runtime takes that from the environment, at any time.
func showLabels() (back func()) {
	const name = "GODEBUG"
	debugMu.Lock()
	old, was := os.LookupEnv(name)
	with := "tracebacklabels=1"
	if old != "" {
		with = old + "," + with
	}
	_ = os.Setenv(name, with) // without it, dumps have no labels, and say less
	return func() {
		if was {
			_ = os.Setenv(name, old)
		} else {
			_ = os.Unsetenv(name)
		}
		debugMu.Unlock()
	}
}

// self describes the calling goroutine, from its header alone.
func self() goroutine {
	buf := make([]byte, 256)
	g, _ := parseGoroutine(string(buf[:runtime.Stack(buf, false)]))
	return g
}

// inBubble reports whether the caller runs in a synctest bubble.
func inBubble() bool { return self().bubble != 0 }

// settled reports whether the goroutine is blocked: one that runs may be about
// to end.
func (g *goroutine) settled() bool {
	switch g.state {
	case "running", "runnable", "waiting", "preempted", "copystack", "???":
		return false
	}
	return true
}

// isTask reports whether the goroutine belongs to a scope's executor.
func (g *goroutine) isTask() bool {
	return g.in("github.com/corral-go/corral/internal/executor.(*Executor).work")
}

// guestFrame is what frames of package guest begin with.
const guestFrame = "github.com/corral-go/corral/scope/guest."

// isCoroutine reports whether the goroutine is a coroutine of a guest run.
func (g *goroutine) isCoroutine() bool { return g.in(guestFrame + "(*coroutine).live") }

// isMessenger reports whether it is what asks the host of a guest run.
func (g *goroutine) isMessenger() bool { return g.in(guestFrame + "(*loop).deliver") }

// coroutineText says what a coroutine has not ended.
func (g *goroutine) coroutineText() string {
	switch {
	case g.in("github.com/corral-go/corral/scope.(*runner).Execute"):
		return "a host task that has not ended"
	case g.in("github.com/corral-go/corral/scope.(*guest).RunBody"):
		return "the main function of a guest run, which has not ended"
	case g.in(guestFrame + "(*call).Execute"):
		return "a function given to guest.RunOnHost, which has not ended"
	}
	return "a coroutine of a guest run that was never stopped"
}

// isRunningTest reports whether the goroutine is that of a test which is neither
// waiting for its turn nor for tests inside it.
func (g *goroutine) isRunningTest() bool {
	if !g.in("testing.tRunner") || g.in("testing.(*T).Run") || g.in("testing.(*T).Parallel") || g.in("testing/synctest.Test") {
		return false
	}
	return !g.in("testing.tRunner.func1") || g.in("testing.(*common).runCleanup")
}

// in reports whether a function is on the goroutine's stack.
func (g *goroutine) in(function string) bool {
	return strings.Contains(g.text, "\n"+function+"(")
}

// startedAt returns the function and line of the go statement.
func (g *goroutine) startedAt() string {
	_, by, ok := strings.Cut(g.text, "\ncreated by ")
	if !ok {
		return ""
	}
	who, at, _ := strings.Cut(by, "\n")
	who, _, _ = strings.Cut(who, " in goroutine ")
	at, _, _ = strings.Cut(strings.TrimSpace(at), " +0x")
	return "by " + who + "\n\tat " + at
}
