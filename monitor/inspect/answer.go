package inspect

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/scope"
)

// version is of the JSON: it changes when something goes, or means another
// thing; not when something comes. What there is says schema.json.
const version = 1

// head is what every answer begins with.
type head struct {
	Version   int       `json:"version"`
	Screen    string    `json:"screen"`
	At        time.Time `json:"at"`        // when it was looked
	Scopes    int       `json:"scopes"`    // open ones
	Tasks     int       `json:"tasks"`     // that have not ended
	Certain   int       `json:"certain"`   // findings
	Suspected int       `json:"suspected"` // findings
	Locked    bool      `json:"locked"`    // something was not seen: a lock was held for long
	Truncated bool      `json:"truncated"` // something was seen and is not in the answer
	TraceURL  string    `json:"trace_url,omitempty"`
}

func (c *config) head(screen string, v *findings.View) head {
	h := head{Version: version, Screen: screen, At: v.At, Scopes: v.Scopes, Tasks: v.Tasks, Locked: v.Locked, TraceURL: c.traceURL}
	for _, f := range v.Findings {
		if f.Certain {
			h.Certain++
		} else {
			h.Suspected++
		}
	}
	return h
}

// wait is what somebody waits for.
type wait struct {
	Kind    string    `json:"kind"`
	Name    text      `json:"name,omitempty"`
	Since   time.Time `json:"since"`
	Holders []text    `json:"holders,omitempty"` // the first few
	Held    int       `json:"held,omitempty"`    // by how many that are known
	Locked  bool      `json:"locked,omitempty"`  // who holds it was not seen
}

const mostHolders = 4

func waitOf(w *findings.Wait) *wait {
	if w == nil {
		return nil
	}
	return &wait{Kind: w.Kind, Name: clean(w.Name), Since: w.Since, Holders: cleanAll(w.Holders, mostHolders), Held: len(w.Holders), Locked: w.Locked}
}

// span is where to look in the trace backend.
type span struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

func spanOf(sc trace.SpanContext) *span {
	if !sc.IsValid() {
		return nil
	}
	return &span{sc.TraceID().String(), sc.SpanID().String()}
}

// cause is why something was cancelled.
type cause struct {
	Kind   string    `json:"kind"`
	Scope  text      `json:"scope,omitempty"`
	Task   text      `json:"task,omitempty"`
	Reason text      `json:"reason,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Span   *span     `json:"span,omitempty"`
	From   *cause    `json:"from,omitempty"` // what led to it
}

// causes are those of one answer: most scopes share theirs with what is around
// them, and asking for the text of an error may take long.
type causes map[*scope.CanceledError]*cause

func (c causes) of(e *scope.CanceledError) *cause {
	const deepest = 8
	return c.upTo(e, deepest)
}

func (c causes) upTo(e *scope.CanceledError, deepest int) *cause {
	if e == nil || deepest == 0 {
		return nil
	}
	if known := c[e]; known != nil {
		return known
	}
	k := &cause{Kind: e.Kind.String(), Scope: clean(e.Scope), Task: clean(e.Task), At: e.At, Span: spanOf(e.Span)}
	if e.Reason != nil {
		k.Reason = clean(findings.ErrorText(e.Reason))
		k.From = c.upTo(behind(e.Reason), deepest-1)
	}
	c[e] = k
	return k
}

// behind returns the cancellation that err is or wraps, as far as that can be
// told without calling code of the program's.
func behind(err error) *scope.CanceledError {
	for range 16 {
		switch e := err.(type) { //nolint:errorlint // errors.As would call methods of the program's
		case *scope.CanceledError:
			return e
		case *scope.Error:
			return e.Cause
		}
		if fmt.Sprintf("%T", err) != "*fmt.wrapError" {
			return nil
		}
		err = errors.Unwrap(err)
	}
	return nil
}
