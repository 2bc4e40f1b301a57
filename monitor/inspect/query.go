package inspect

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	mostQuery   = 16 << 10 // bytes
	mostIDs     = 500      // of one parameter
	mostApart   = 32
	mostLimit   = 5000
	usualLimit  = 1000
	mostPattern = 200 // bytes of what is looked for
)

// query is what is asked of a screen.
type query struct {
	limit int
	sort  string
	find  string // in lower case
	in    uint64
	id    uint64
	open  map[uint64]bool
	shut  map[uint64]bool
	apart []apartKey
}

// apartKey picks siblings of a name in a scope or task, or, with 0, roots.
type apartKey struct {
	in   uint64
	name string
}

// parse reads a query of which only the parameters in known are allowed. What it
// does not understand is an error: better none than another answer.
func parse(raw string, known []string) (q query, err error) {
	q.limit = usualLimit
	if len(raw) > mostQuery {
		return q, fmt.Errorf("a query of %d bytes: at most %d are read", len(raw), mostQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, err
	}
	for name, list := range values {
		if !slices.Contains(known, name) {
			return q, fmt.Errorf("no parameter %q: there is %s", name, strings.Join(known, ", "))
		}
		if name != "apart" && len(list) != 1 {
			return q, fmt.Errorf("parameter %q is given %d times", name, len(list))
		}
		if err := q.set(name, list); err != nil {
			return q, fmt.Errorf("parameter %q: %w", name, err)
		}
	}
	return q, nil
}

func (q *query) set(name string, list []string) (err error) {
	v := list[0]
	switch name {
	case "limit":
		if q.limit, err = strconv.Atoi(v); err == nil && (q.limit < 1 || q.limit > mostLimit) {
			err = fmt.Errorf("%d is not from 1 to %d", q.limit, mostLimit)
		}
	case "sort":
		if q.sort = v; !slices.Contains(sorts, v) {
			err = fmt.Errorf("%q is none of %s", v, strings.Join(sorts, ", "))
		}
	case "find":
		if q.find = strings.ToLower(v); len(v) > mostPattern {
			err = fmt.Errorf("%d bytes: at most %d", len(v), mostPattern)
		}
	case "in":
		q.in, err = strconv.ParseUint(v, 10, 64)
	case "id":
		q.id, err = strconv.ParseUint(v, 10, 64)
	case "open":
		q.open, err = idsOf(v)
	case "shut":
		q.shut, err = idsOf(v)
	case "apart":
		q.apart, err = apartOf(list)
	}
	return err
}

func idsOf(list string) (map[uint64]bool, error) {
	ids := map[uint64]bool{}
	if list == "" {
		return ids, nil
	}
	if n := strings.Count(list, ",") + 1; n > mostIDs {
		return nil, fmt.Errorf("%d ids: at most %d", n, mostIDs)
	}
	for s := range strings.SplitSeq(list, ",") {
		id, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return ids, nil
}

func apartOf(list []string) (keys []apartKey, err error) {
	if len(list) > mostApart {
		return nil, fmt.Errorf("%d of them: at most %d", len(list), mostApart)
	}
	for _, v := range list {
		id, name, ok := strings.Cut(v, "/")
		in, err := strconv.ParseUint(id, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not ID/NAME", v)
		}
		keys = append(keys, apartKey{in, name})
	}
	return keys, nil
}

// picks is what LookApart asks, or nil.
func (q *query) picks() func(in uint64, name string) bool {
	if len(q.apart) == 0 {
		return nil
	}
	return func(in uint64, name string) bool {
		for _, k := range q.apart {
			if k.in == in && k.name == string(clean(name)) {
				return true
			}
		}
		return false
	}
}

// sight names what picks leads to: who asks for the same shares it.
func (q *query) sight() string {
	var parts []string
	for _, k := range q.apart {
		parts = append(parts, strconv.FormatUint(k.in, 10)+"/"+strconv.Quote(k.name))
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), ",")
}
