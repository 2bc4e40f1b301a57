package inspect

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/corral-go/corral/monitor"
)

// Option shapes the Handler. A nil Option is ignored.
type Option interface{ applyInspect() }

type (
	authorizeOption func(*http.Request) bool
	traceURLOption  string
	watchOption     watch
	lagOption       named
)

func (authorizeOption) applyInspect() {}
func (traceURLOption) applyInspect()  {}
func (watchOption) applyInspect()     {}
func (lagOption) applyInspect()       {}

// watch is a [Watch].
type watch struct {
	name string
	read func() Level
}

// named is a Monitor; see [Lag].
type named struct {
	name string
	*monitor.Monitor
}

// Authorize says who may look, in place of the default (see the package's doc):
// allow is called with every request before anything else, from any goroutine.
// Whoever is not allowed gets a 403. What is shown are names, states and error
// texts of the program: let in whom you would let see its logs. Of several the
// last counts. It panics if allow is nil.
func Authorize(allow func(r *http.Request) bool) Option {
	if allow == nil {
		panic("inspect: Authorize with a nil function: pass one that says who may look, or leave it out")
	}
	return authorizeOption(allow)
}

// TraceURL makes the trace ids on the page links to a trace backend. In the
// template {trace_id} and {span_id} stand for the ids, in hexadecimal:
//
//	inspect.TraceURL("https://jaeger.example.org/trace/{trace_id}?uiFind={span_id}")
//
// It panics if the template has no {trace_id}, or is no http or https URL and no
// absolute path on the same host.
func TraceURL(template string) Option {
	if !strings.Contains(template, "{trace_id}") || !linkable(template) {
		panic("inspect: TraceURL(" + template + "): it has to be an http or https URL, or a path from /, with {trace_id} in it")
	}
	return traceURLOption(template)
}

func linkable(template string) bool {
	u, err := url.Parse(strings.NewReplacer("{trace_id}", "0", "{span_id}", "0").Replace(template))
	switch {
	case err != nil || strings.ContainsAny(template, "\\\t\r\n"):
		return false
	case u.Scheme == "http" || u.Scheme == "https":
		return u.Host != ""
	}
	return u.Scheme == "" && u.Host == "" && strings.HasPrefix(template, "/") && !strings.HasPrefix(template, "//")
}

// A Level is how a queue, a limiter or a pool stands now. What is zero is not
// shown.
type Level struct {
	Size     int           // items in it, tokens that are borrowed
	Capacity int           // how many there can be; 0: any number
	Peak     int           // the most there have been
	Waiting  int           // who waits for an item, for room, for a token
	Oldest   time.Duration // how long the oldest item has been in it
}

// Watch shows a queue, limiter or pool always, and at the top. Without it, the
// queues and limiters of package sync are shown while somebody waits for them,
// and in a program that has metrics from their first use on; nothing else keeps
// a list. So name what matters, and what is not of package sync:
//
//	inspect.Watch("connections", func() inspect.Level {
//		s := db.Stats()
//		return inspect.Level{Size: s.InUse, Capacity: s.MaxOpenConnections}
//	})
//
// read is called when the screen is looked at, at most twice a second, on a
// goroutine of its own, and gets a moment: if it panics or hangs, that is shown.
// It panics if read is nil.
func Watch(name string, read func() Level) Option {
	if read == nil {
		panic("inspect: Watch with a nil function: pass one that returns the Level of " + name)
	}
	return watchOption{name, read}
}

// Lag shows what m has measured on the screen of the scheduler's lag, beside what
// the runtime says of itself. Nobody but its owner runs m. It panics if m is nil.
func Lag(name string, m *monitor.Monitor) Option {
	if m == nil {
		panic("inspect: Lag with a nil Monitor: pass one that somebody runs, or leave it out")
	}
	return lagOption{name, m}
}

// config is what the options come to.
type config struct {
	allow    func(*http.Request) bool
	traceURL string
	watches  []watch
	monitors []named
}

func configOf(opts []Option) config {
	c := config{allow: local}
	for _, o := range opts {
		switch o := o.(type) {
		case authorizeOption:
			c.allow = o
		case traceURLOption:
			c.traceURL = string(o)
		case watchOption:
			c.watches = append(c.watches, watch(o))
		case lagOption:
			c.monitors = append(c.monitors, named(o))
		}
	}
	return c
}
