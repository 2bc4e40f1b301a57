package scope

import "reflect"

// failures collects what went wrong in a scope: each error value once, in the
// order in which they came (R30). Guarded by the scope's lock.
type failures struct {
	list  []Failure
	panic *PanicError        // the first that is to be raised again
	known map[error]struct{} // the listed errors, once there are many
}

// many is from how many failures on a map is cheaper than a look at each.
const many = 16

// add lists f, and reports false if its error, or every leaf of its join, is
// listed already.
func (l *failures) add(f Failure) bool {
	f.Err = filterJoin(f.Err, func(leaf error) bool { return !l.has(leaf) })
	if f.Err == nil || l.has(f.Err) {
		return false
	}
	l.list = append(l.list, f)
	if len(l.list) == many {
		l.known = make(map[error]struct{}, 2*many)
		for _, g := range l.list {
			l.remember(g.Err)
		}
	} else if len(l.list) > many {
		l.remember(f.Err)
	}
	return true
}

func (l *failures) remember(err error) {
	if reflect.ValueOf(err).Comparable() {
		l.known[err] = struct{}{}
	}
}

func (l *failures) has(err error) bool {
	if l.known != nil {
		if !reflect.ValueOf(err).Comparable() {
			return false
		}
		_, ok := l.known[err]
		return ok
	}
	for _, f := range l.list {
		if sameError(f.Err, err) {
			return true
		}
	}
	return false
}
