package scope

import (
	"context"
	"errors"
	"reflect"
)

// split says what of the error that a task or body returned under ctx is
// failure, and whether any of it is the cancellation of ctx (R15, R16), as it
// is beside a failure in a join. State decides: while ctx is not cancelled
// everything is a failure. Out of a plain join the cancellations are stripped;
// any other error is all or nothing.
func split(ctx context.Context, err error) (failure error, canceled bool) {
	if err == nil || ctx.Err() == nil {
		return err, false
	}
	c := cancellation{CauseOf(ctx), context.Cause(ctx), ctx.Err()}
	return c.strip(err)
}

// cancellation is everything that counts as the cancellation of one context:
// our cause, the foreign one behind it, and ctx.Err().
type cancellation struct {
	cause   *CanceledError
	foreign error
	ctxErr  error
}

// covers reports whether every leaf of err is this cancellation.
func (c cancellation) covers(err error) bool {
	if sameError(err, c.cause) || sameError(err, c.foreign) || sameError(err, c.ctxErr) {
		return true
	}
	if is, ok := err.(interface{ Is(error) bool }); ok && (is.Is(c.ctxErr) || is.Is(c.cause)) {
		return true
	}
	switch u := err.(type) { //nolint:errorlint // this is the walk itself
	case interface{ Unwrap() []error }:
		leaves := u.Unwrap()
		for _, leaf := range leaves {
			if leaf != nil && !c.covers(leaf) {
				return false
			}
		}
		return len(leaves) > 0
	case interface{ Unwrap() error }:
		inner := u.Unwrap()
		return inner != nil && c.covers(inner)
	}
	return false
}

// strip returns err without what is cancellation, or nil if nothing is left,
// and whether there was any.
func (c cancellation) strip(err error) (rest error, some bool) {
	if c.covers(err) {
		return nil, true
	}
	rest = filterJoin(err, func(leaf error) bool {
		ours := c.covers(leaf)
		some = some || ours
		return !ours
	})
	return rest, some
}

var joinType = reflect.TypeOf(errors.Join(errors.New("")))

// filterJoin returns err with only those leaves of a plain join (errors.Join,
// at any depth) that keep wants. Any other error is one leaf. An err of which
// nothing goes is returned as it is; nil means that nothing is left.
func filterJoin(err error, keep func(error) bool) error {
	if reflect.TypeOf(err) != joinType {
		if keep(err) {
			return err
		}
		return nil
	}
	leaves := err.(interface{ Unwrap() []error }).Unwrap() //nolint:errorlint // the type was just looked at
	rest := make([]error, 0, len(leaves))
	changed := false
	for _, leaf := range leaves {
		left := filterJoin(leaf, keep)
		changed = changed || !sameError(left, leaf)
		if left != nil {
			rest = append(rest, left)
		}
	}
	switch {
	case !changed:
		return err
	case len(rest) == 1:
		return rest[0]
	default:
		return errors.Join(rest...)
	}
}

// sameError compares two errors by identity, also when they cannot be compared.
func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	ta := reflect.TypeOf(a)
	if ta != reflect.TypeOf(b) {
		return false
	}
	if ta.Kind() == reflect.Pointer {
		return a == b //nolint:errorlint // identity is the question here
	}
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b //nolint:errorlint // as above
}
