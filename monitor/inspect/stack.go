package inspect

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/internal/profile"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

const (
	stackEvery      = time.Second
	mostGoroutines  = 20_000 // above, to look at them all would be felt
	mostStacks      = 5
	labelOfTask     = "corral.task.id" // set while a Monitor with OnLag runs
	whichIsNotKnown = "goroutines are told apart only if they began while a Monitor with OnLag ran; these run the same function:"
)

// seldom lets one in at a time, and not sooner than a second after the last.
type seldom struct {
	mu   sync.Mutex // guards the rest
	busy bool
	last time.Time
}

func (s *seldom) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || time.Since(s.last) < stackEvery {
		return false
	}
	s.busy = true
	return true
}

func (s *seldom) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.last = false, time.Now()
}

// stack answers where the goroutine of one task is. Nothing else looks at
// goroutines: that takes long when there are many.
func (h *handler) stack(w http.ResponseWriter, r *http.Request) {
	q, err := parse(r.URL.RawQuery, []string{"id"})
	if err != nil {
		http.Error(w, "corral: "+strconv.QuoteToASCII(err.Error()), http.StatusBadRequest)
		return
	}
	var owner any
	h.walking(func() { owner = ownerOf(q.id) })
	if owner == nil {
		send(w, answer{none: true}, nil)
		return
	}
	if runtime.NumGoroutine() > mostGoroutines {
		http.Error(w, "corral: there are too many goroutines to look for one", http.StatusServiceUnavailable)
		return
	}
	if !h.stacks.begin() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "corral: stacks are looked at one at a time, and once a second: ask again", http.StatusTooManyRequests)
		return
	}
	defer h.stacks.end()
	body, err := stackOf(q.id, owner)
	send(w, answer{kind: "text/plain; charset=utf-8", body: body}, err)
}

// ownerOf returns the scope or task of that id, or nil.
func ownerOf(id uint64) (owner any) {
	see := func(seen uint64, at *seam.Sight) bool {
		if seen == id {
			owner = at.Owner
		}
		return owner == nil
	}
	walk(seam.Tour[scope.Snapshot, scope.TaskSnapshot]{
		Try:      true,
		Scope:    func(s *scope.Snapshot, at *seam.Sight) bool { return see(s.ID, at) },
		Task:     func(t *scope.TaskSnapshot, at *seam.Sight) bool { return see(t.ID, at) },
		ScopeEnd: func() {}, TaskEnd: func() {}, Locked: func() {},
	})
	return owner
}

func stackOf(id uint64, owner any) ([]byte, error) {
	var raw bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&raw, 0); err != nil {
		return nil, err
	}
	all, err := profile.Parse(raw.Bytes())
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	label := strconv.FormatUint(id, 10)
	own := slices.DeleteFunc(slices.Clone(all), func(s profile.Sample) bool { return s.Label(labelOfTask) != label })
	if len(own) == 0 {
		f := runtime.FuncForPC(seam.CodeOf(owner))
		if f == nil {
			return []byte("not known\n"), nil
		}
		fmt.Fprintf(&out, "%s\n\n", whichIsNotKnown)
		own = slices.DeleteFunc(all, func(s profile.Sample) bool {
			return s.Label(labelOfTask) != "" || !slices.ContainsFunc(s.Stack, func(at profile.Frame) bool { return at.Function == f.Name() })
		})
	}
	slices.SortStableFunc(own, func(a, b profile.Sample) int { return cmp.Compare(b.Values[0], a.Values[0]) })
	for i, s := range own {
		if i == mostStacks {
			fmt.Fprintf(&out, "… and %d more\n", len(own)-i)
			break
		}
		fmt.Fprintf(&out, "%d:\n", s.Values[0])
		for _, at := range s.Stack {
			fmt.Fprintf(&out, "%s\n\t%s:%d\n", at.Function, findings.Cut(at.File), at.Line)
		}
		out.WriteString("\n")
	}
	if len(own) == 0 {
		out.WriteString("none of them is there any more\n")
	}
	return []byte(strings.ToValidUTF8(out.String(), "\uFFFD")), nil
}
