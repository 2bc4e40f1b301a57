package scope

import (
	"fmt"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/otelx"
)

// report tells of a failure or panic of the task, if it began here: what only
// passes through, from an inner scope or from a task that was waited for, was
// told where it began.
func (c *Child) report(e ending, handled bool) {
	if e.again || c.place.Meter == nil && !c.place.Span.Recording() {
		return
	}
	x, ok := exceptionOf(e.err, e.panic, &c.strand)
	if !ok {
		return
	}
	x.Handled, x.Task, x.Path = handled, c.Name(), c.scope.path()
	c.place.Meter.Exception(c.place.Ctx, c.place.Span, x)
}

// reportBody is report for the body of a scope.
func (s *Scope) reportBody(err error, panicked, again bool) {
	if again || s.place.Meter == nil && !s.place.Span.Recording() {
		return
	}
	x, ok := exceptionOf(err, panicked, s.place.Strand)
	if !ok {
		return
	}
	x.Path = s.path()
	if s.task != nil {
		x.Task = s.task.Name()
	}
	s.place.Meter.Exception(s.place.Ctx, s.place.Span, x)
}

// exceptionOf says what there is to tell of err, on the strand that it ended;
// false if nothing in it began there.
func exceptionOf(err error, panicked bool, at *park.Strand) (x otelx.Exception, ok bool) {
	if p, is := err.(*PanicError); is && panicked { //nolint:errorlint // panicked says it is one
		return otelx.Exception{
			Err: err, Panic: true, Stack: p.Stack, Type: fmt.Sprintf("%T", p.Value), Message: fmt.Sprint(p.Value),
		}, true
	}
	err = news(err, at.Heard())
	return otelx.Exception{Err: err}, err != nil
}

// news returns what of an error began with who returned it: of a plain join,
// the leaves of which no part has come out of a scope of ours, or is part of
// what it has heard from others.
func news(err, heard error) (fresh error) {
	defer func() {
		if recover() != nil { // an Unwrap of the user's
			fresh = err
		}
	}()
	left := maxNodes
	return filterJoin(err, func(leaf error) bool {
		return !anyPart(leaf, &left, func(part error) bool {
			switch p := part.(type) { //nolint:errorlint // this is the walk itself
			case *Error, *PanicError:
				return true
			case *CanceledError:
				return p.Kind == KindTaskFailed || p.Kind == KindBodyFailed
			}
			n := maxNodes
			return heard != nil && anyPart(heard, &n, func(h error) bool { return sameError(h, part) })
		})
	})
}

// maxNodes bounds how many parts of an error are looked at.
const maxNodes = 64

// anyPart reports whether is holds for err, or for something it wraps.
func anyPart(err error, left *int, is func(error) bool) bool {
	for err != nil && *left > 0 {
		*left--
		if is(err) {
			return true
		}
		switch u := err.(type) { //nolint:errorlint // this is the walk itself
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, part := range u.Unwrap() {
				if anyPart(part, left, is) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}
