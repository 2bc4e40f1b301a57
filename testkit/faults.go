package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
)

// ErrInjected is the error that [Faults] has a wait return or panic with, and
// the reason of its cancellations.
var ErrInjected = errors.New("testkit: injected")

// Faults runs body again and again, in virtual time, each time with one fault at
// one wait: at the n-th, for every n, the task is cancelled, its scope is
// cancelled, the wait returns [ErrInjected], panics with it, or takes an hour
// longer. Cancellations come at each step of a wait: before it begins, when it
// stands in line, and in the instant it was served.
//
// body is run without a fault first, and has to return nil then; it has to wait
// for the same things, in the same order, each time. With a fault it may return
// any error, and panic with the one injected; it has to end, and to leave
// nothing: no goroutine, no broken trace. What else has to hold it checks
// itself, with the t it is given, which is that of the bubble.
//
// The first fault under which the test fails is named with how to repeat it:
// with CORRAL_FAULT set, that fault alone is injected. Faults follows the rules
// of [Schedules], and runs under its first schedule.
func Faults(t *testing.T, body func(t *testing.T, ctx context.Context) error) { //nolint:revive // t comes first in tests
	t.Helper()
	if body == nil {
		panic("testkit: Faults with a nil body: pass the function to run")
	}
	scheduling.Lock()
	defer scheduling.Unlock()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	clean := new(probe)
	underProbe(t, clean, body, func() string { return "without any fault" })
	only := os.Getenv("CORRAL_FAULT")
	for n, p := range clean.points {
		for _, f := range faultsAt(p.step) {
			name := fmt.Sprintf("%s:%d", f.name, n+1)
			if only != "" && only != name {
				continue
			}
			f.inject(t, name, n+1, body)
		}
	}
}

// A faultKind is something that can happen to a wait.
type faultKind struct {
	name  string
	steps []park.Step
	do    func(ctx context.Context) error
}

var faultKinds = []faultKind{
	{"cancel-task", []park.Step{park.Entering, park.Parked, park.Woken}, cancelTask},
	{"cancel-scope", []park.Step{park.Entering, park.Parked, park.Woken}, cancelScope},
	{"fail", []park.Step{park.Entering}, func(context.Context) error { return ErrInjected }},
	{"panic", []park.Step{park.Entering}, func(context.Context) error { panic(ErrInjected) }},
	{"delay", []park.Step{park.Entering, park.Woken}, func(context.Context) error { time.Sleep(time.Hour); return nil }},
}

func cancelTask(ctx context.Context) error {
	if task := scope.TaskFrom(ctx); task != nil {
		task.Cancel(ErrInjected)
		return park.Check(ctx)
	}
	return cancelScope(ctx)
}

func cancelScope(ctx context.Context) error {
	scope.From(ctx).Cancel(ErrInjected)
	return park.Check(ctx)
}

func faultsAt(s park.Step) []faultKind {
	var kinds []faultKind
	for _, k := range faultKinds {
		for _, step := range k.steps {
			if step == s {
				kinds = append(kinds, k)
			}
		}
	}
	return kinds
}

// inject runs body with the fault at point n.
func (k faultKind) inject(t *testing.T, name string, n int, body func(t *testing.T, ctx context.Context) error) {
	t.Helper()
	var at atomic.Value // a report of a deadlock reads it on another goroutine
	at.Store("")
	p := &probe{act: func(ctx context.Context, i int, _ point) error {
		if i != n {
			return nil
		}
		at.Store(siteNow())
		return k.do(ctx)
	}}
	underProbe(t, p, body, func() string {
		return fmt.Sprintf("with the fault %s, in the wait at %s%s", name, at.Load(), repeatText("CORRAL_FAULT", name))
	})
}

// underProbe runs body once, in a bubble, with the probe. An error is only
// allowed to a probe that acts.
func underProbe(t *testing.T, p *probe, body func(t *testing.T, ctx context.Context) error, which func() string) { //nolint:revive // t comes first in tests
	t.Helper()
	underSeed(t, 1, func(inner *testing.T, ctx context.Context) (err error) {
		r := NewRecorder(inner)
		if p.act != nil {
			r.check.DoNotCount() // a wait in which it panics is of an operation that ends nowhere
		}
		ctx, remove := p.install(r.Context(ctx))
		defer remove()
		defer func() {
			switch v := recover(); {
			case v == nil:
			case isInjected(v):
				err = nil
			case isBusy(v):
				inner.Errorf("%v", errBusy)
			default:
				panic(v)
			}
		}()
		err = scope.Run(ctx, func(ctx context.Context) error { return body(inner, ctx) }, scope.Name("body"))
		if p.act != nil {
			err = nil
		}
		return err
	}, which)
}

func isInjected(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, ErrInjected)
}

func isBusy(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, errBusy)
}

// isKit reports whether a function is testkit's own, and not of its tests.
func isKit(function string) bool {
	return strings.HasPrefix(function, "github.com/corral-go/corral/testkit.") && !strings.Contains(function, ".Test")
}
