package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/monitor"
)

// Handler returns the inspector: a page that shows what the program's scopes and
// tasks are doing, and the same as JSON and as text. Mount it under any path that
// ends in a slash, with or without http.StripPrefix:
//
//	mux.Handle("/debug/corral/", inspect.Handler())
//
// Without [Authorize] it answers only who sits at the same machine. It answers
// GET and HEAD, and changes nothing. Nothing runs, and nothing is kept, while
// nobody looks: an answer is made when it is asked for, given to all who ask for
// the same within half a second, and forgotten. It may be used from any
// goroutine, and mounted more than once.
func Handler(opts ...Option) http.Handler {
	return &handler{
		config:  configOf(opts),
		views:   keeper[*findings.View]{most: mostViews},
		answers: keeper[answer]{most: mostAnswers},
		turn:    make(chan struct{}, 1),
	}
}

const (
	mostViews   = 16
	mostAnswers = 256
	writeTime   = 10 * time.Second // for all of an answer, and who does not read it
)

type handler struct {
	config
	views   keeper[*findings.View]
	answers keeper[answer]
	turn    chan struct{} // whoever walks through the tree has put something in
	stacks  seldom
}

// answer is what is sent.
type answer struct {
	kind string
	body []byte
	none bool // there is nothing of that id
}

// A screen makes an answer of what was seen; false: what is asked for is not
// there.
type screen struct {
	params []string
	build  func(c *config, v *findings.View, q query) (any, bool)
	walks  bool // it walks through the tree itself
}

var screens = map[string]screen{
	"tree.json":          {[]string{"in", "open", "shut", "apart", "find", "sort", "limit"}, (*config).tree, false},
	"scope.json":         {[]string{"id", "limit"}, (*config).waterfall, true},
	"queues.json":        {[]string{"limit"}, (*config).queues, false},
	"cancellations.json": {[]string{"limit"}, (*config).cancellations, false},
	"lag.json":           {nil, (*config).lag, false},
	"waits.json":         {[]string{"limit"}, (*config).waits, false},
	"findings.json":      {nil, (*config).findings, false},
}

// ServeHTTP answers a request. What is asked for is the last part of the path,
// so that it does not matter where the Handler is mounted.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if !h.allow(r) {
		http.Error(w, "corral: this is shown on the machine itself only, and not through a proxy (see inspect.Authorize)", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "corral: only GET and HEAD: nothing can be changed here", http.StatusMethodNotAllowed)
		return
	}
	// Who does not read must not hold a goroutine for good. Not everything can
	// have a deadline (a recorder in a test); the server takes it back.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))

	if asked, _, _ := strings.Cut(r.RequestURI, "?"); r.URL.Path == "" && !strings.HasSuffix(asked, "/") {
		// StripPrefix has left nothing of a path without its slash.
		w.Header().Set("Location", "./"+url.PathEscape(path.Base(asked))+"/")
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if s, ok := screens[name]; ok {
		h.screen(w, r, name, s)
		return
	}
	switch name {
	case "dump.txt":
		h.dump(w, r)
	case "stack.txt":
		h.stack(w, r)
	default:
		serveFile(w, r, name)
	}
}

// harden sets what a browser needs to know: nothing from elsewhere, nothing
// inline, in no frame, and no types guessed.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func (h *handler) screen(w http.ResponseWriter, r *http.Request, name string, s screen) {
	q, err := parse(r.URL.RawQuery, s.params)
	if err != nil {
		http.Error(w, "corral: "+strconv.QuoteToASCII(err.Error()), http.StatusBadRequest)
		return
	}
	view, err := h.views.get(r.Context(), q.sight(), func() (v *findings.View, until time.Time) {
		h.walking(func() { v = findings.LookApart(true, q.picks()) })
		return v, v.At.Add(fresh)
	})
	if err != nil {
		refuse(w, err)
		return
	}
	values, _ := url.ParseQuery(r.URL.RawQuery) // parse has
	for _, list := range values {
		slices.Sort(list)
	}
	a, err := h.answers.get(r.Context(), name+"?"+values.Encode(), func() (answer, time.Time) {
		var out any
		var there bool
		build := func() { out, there = s.build(&h.config, view, q) }
		if s.walks {
			h.walking(build)
		} else {
			build()
		}
		if !there {
			return answer{none: true}, view.At.Add(fresh)
		}
		body, err := json.Marshal(out)
		if err != nil {
			panic("inspect: internal error: " + err.Error())
		}
		return answer{kind: "application/json; charset=utf-8", body: append(body, '\n')}, view.At.Add(fresh)
	})
	send(w, a, err)
}

func (h *handler) dump(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		http.Error(w, "corral: dump.txt has no parameters", http.StatusBadRequest)
		return
	}
	a, err := h.answers.get(r.Context(), "dump.txt", func() (answer, time.Time) {
		var b bytes.Buffer
		h.walking(func() { _ = monitor.Dump(&b) }) // a Buffer does not fail
		return answer{kind: "text/plain; charset=utf-8", body: b.Bytes()}, time.Now().Add(fresh)
	})
	send(w, a, err)
}

// walking calls f while nobody else walks through the tree.
func (h *handler) walking(f func()) {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	f()
}

func send(w http.ResponseWriter, a answer, err error) {
	switch {
	case err != nil:
		refuse(w, err)
	case a.none:
		http.Error(w, "corral: nothing of that id is open", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", a.kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		_, _ = w.Write(a.body) // if nobody reads it, nobody needs it
	}
}

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	if errors.Is(err, errFull) {
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, "corral: "+err.Error(), code)
}
