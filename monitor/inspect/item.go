package inspect

import (
	"time"

	"github.com/corral-go/corral/internal/findings"
)

// item is a scope or a task of a view.
type item struct {
	scope *findings.Scope
	task  *findings.Task
}

func (it item) key() any {
	if it.task != nil {
		return it.task
	}
	return it.scope
}

func (it item) id() uint64 {
	if it.task != nil {
		return it.task.ID
	}
	return it.scope.ID
}

func (it item) name() string {
	if it.task != nil {
		return it.task.Name
	}
	return it.scope.Name
}

func (it item) count() int {
	if it.task != nil {
		return it.task.Count
	}
	return it.scope.Count
}

func (it item) inside() int {
	if it.task != nil {
		return it.task.Inside.Tasks
	}
	return it.scope.Inside.Tasks
}

func (it item) wait() *findings.Wait {
	if it.task != nil {
		return it.task.Wait
	}
	return it.scope.Body
}

// waits is since when it waits; zero if it does not.
func (it item) waits() time.Time {
	if w := it.wait(); w != nil {
		return w.Since
	}
	return time.Time{}
}

// children are what is in it.
func (it item) children() (list []item) {
	if it.task != nil {
		for _, s := range it.task.Scopes {
			list = append(list, item{scope: s})
		}
		return list
	}
	for _, t := range it.scope.Tasks {
		list = append(list, item{task: t})
	}
	for _, s := range it.scope.Scopes {
		list = append(list, item{scope: s})
	}
	return list
}

func rootsOf(v *findings.View) (list []item) {
	for _, s := range v.Roots {
		list = append(list, item{scope: s})
	}
	return list
}

// findIn returns the scope or task of that id; of those that are counted only
// the oldest can be found.
func findIn(v *findings.View, id uint64) (item, bool) {
	todo := rootsOf(v)
	for len(todo) > 0 {
		it := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if it.id() == id {
			return it, true
		}
		todo = append(todo, it.children()...)
	}
	return item{}, false
}
