package sync

import (
	"fmt"
	"reflect"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// borrowerOf returns who borrows with a ctx that is at p.
func borrowerOf(p *park.Place) any {
	if p == nil {
		return nil
	}
	return seam.Line(p).Owner
}

func mustBorrow(borrower any, call string) {
	if borrower == nil {
		panic("sync: CapacityLimiter." + call + " with a nil borrower: pass who borrows, or leave that to ctx")
	}
	if v := reflect.ValueOf(borrower); !v.Comparable() || !v.Equal(v) { //nolint:gocritic // a NaN is not equal to itself
		panic(fmt.Sprintf("sync: CapacityLimiter.%s with a borrower of type %T that cannot be compared: pass a pointer, a number or a string", call, borrower))
	}
}

// maxHolders bounds how many borrowers the live tree shows.
const maxHolders = 8

// Awaited names the limiter in the live tree, and the tasks and scopes that
// have borrowed from it.
func (l *CapacityLimiter) Awaited(look park.Look) park.Mark {
	m := park.Mark{Kind: "limiter.acquire", Name: l.name}
	switch {
	case look == nil:
		return m
	case !look(&l.mu):
		m.Locked, m.Object = true, (*measuredLimiter)(l)
		return m
	}
	m.Object = (*measuredLimiter)(l)
	var holders []any
	m.Waiters = l.line.Len()
	for b := range l.borrowers {
		switch b.(type) {
		case *scope.Child, *scope.Scope:
			holders = append(holders, b)
		}
		if len(holders) == maxHolders {
			break
		}
	}
	l.mu.Unlock()
	for _, h := range holders { // scopes that have been entered, and tasks
		m.Holders = append(m.Holders, seam.PathOf(h))
	}
	return m
}
