package monitor

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/profile"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// suspects are the tasks and root bodies that did not wait when a lag was seen.
type suspects struct {
	byID   map[uint64]suspect
	byFunc map[string][]suspect // those that began before there were labels
}

type suspect struct {
	path string
	span trace.SpanContext
}

// maxSuspects bounds how many are kept. There are as many when most of a flood
// of tasks is ready to run, and then it does not matter which.
const maxSuspects = 4096

// running returns who does not wait now.
func running() suspects {
	s := suspects{byID: map[uint64]suspect{}, byFunc: map[string][]suspect{}}
	keep := func(id uint64, at *seam.Sight, span trace.SpanContext) {
		if at.Waits || len(s.byID) == maxSuspects {
			return
		}
		who := suspect{seam.PathOf(at.Owner), span}
		s.byID[id] = who
		if f := runtime.FuncForPC(seam.CodeOf(at.Owner)); f != nil {
			s.byFunc[f.Name()] = append(s.byFunc[f.Name()], who)
		}
	}
	walk(tour{
		Scope: func(in *scope.Snapshot, at *seam.Sight) bool { keep(in.ID, at, in.Span); return true },
		Task: func(t *scope.TaskSnapshot, at *seam.Sight) bool {
			if t.State == scope.Running || t.State == scope.Canceling {
				keep(t.ID, at, t.Span)
			}
			return true
		},
		ScopeEnd: func() {}, TaskEnd: func() {}, Locked: func() {},
		Try: true,
	})
	return s
}

// and adds who does not wait a while later.
func (s suspects) and(later suspects) {
	maps.Copy(s.byID, later.byID)
	for f, them := range later.byFunc {
		if len(s.byFunc[f]) == 0 {
			s.byFunc[f] = them
		}
	}
}

type tour = seam.Tour[scope.Snapshot, scope.TaskSnapshot]

var walk = seam.Walk.(func(tour))

// who returns whose a sample is: key tells culprits apart.
func (s suspects) who(sample *profile.Sample) (key string, who suspect) {
	if id := idOf(sample); id != 0 {
		if who, ok := s.byID[id]; ok {
			return who.path, who
		}
		path := sample.Label(labelTask)
		return path, suspect{path: path}
	}
	for _, f := range slices.Backward(sample.Stack) {
		if them := s.byFunc[f.Function]; len(them) > 0 {
			who := them[0]
			if slices.ContainsFunc(them, func(other suspect) bool { return other.path != who.path }) {
				return f.Function, suspect{path: f.Function}
			}
			if len(them) > 1 {
				who.span = trace.SpanContext{} // any of them
			}
			return who.path, who
		}
	}
	if n := len(sample.Stack); n > 0 {
		return "\x00" + sample.Stack[n-1].Function, suspect{}
	}
	return "\x00", suspect{}
}

// sums is who was seen how often, by key.
type sums map[string]*sum

type sum struct {
	suspect
	cpu   time.Duration
	seen  int64
	most  int64 // of one sample
	stack []profile.Frame
	spans map[trace.SpanID]*spanned
}

// spanned is a span of one of a culprit's tasks, and how often that was seen.
type spanned struct {
	trace.SpanContext
	seen int64
}

func (s sums) add(from suspects, sample *profile.Sample, cpu time.Duration) {
	key, who := from.who(sample)
	at := s[key]
	if at == nil {
		at = &sum{suspect: who, spans: map[trace.SpanID]*spanned{}}
		s[key] = at
	}
	n := sample.Values[0]
	at.cpu += cpu
	at.seen += n
	if n > at.most {
		at.most, at.stack = n, sample.Stack
	}
	if id := who.span.SpanID(); id.IsValid() {
		if at.spans[id] == nil {
			at.spans[id] = &spanned{SpanContext: who.span}
		}
		at.spans[id].seen += n
	}
}

// worst returns those who were seen most, with the span of their worst task.
func (s sums) worst(n int) []culprit {
	all := slices.SortedFunc(maps.Values(s), func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(a.path, b.path))
	})
	var found []culprit
	for _, c := range all[:min(n, len(all))] {
		var span spanned
		for _, s := range c.spans {
			if s.seen > span.seen {
				span = *s
			}
		}
		found = append(found, culprit{Culprit{Task: c.path, CPU: c.cpu, Stack: stackText(c.stack)}, span.SpanContext})
	}
	return found
}

func stackText(stack []profile.Frame) []byte {
	var b bytes.Buffer
	for _, f := range stack {
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.Bytes()
}
