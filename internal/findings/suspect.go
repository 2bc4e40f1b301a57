package findings

import (
	"fmt"
	"strconv"
	"time"

	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/scope"
)

// like is what suspicions have in common that are told as one.
type like struct {
	kind Kind
	what string
}

const (
	maxFindings = 100 // suspicions that differ
	maxIDs      = 16  // tasks named with one of them
)

// suspect adds a suspicion. text is made only for the first of its like.
func (e *eye) suspect(kind Kind, what string, since time.Time, id uint64, text func() string) {
	k := like{kind, what}
	f := e.lists[k]
	switch {
	case f == nil && len(e.lists) == maxFindings:
		return
	case f == nil:
		f = &Finding{Kind: kind, Text: text(), Since: since}
		e.lists[k] = f
		e.suspicions = append(e.suspicions, f)
	case since.Before(f.Since):
		f.Since = since
	}
	f.Count++
	if len(f.IDs) < maxIDs {
		f.IDs = append(f.IDs, id)
	}
}

// suspectScope is called when the walk enters s.
func (e *eye) suspectScope(s *Scope) {
	now := e.view.At
	if s.Cause != nil && now.Sub(s.Cause.At) > LongCancel && !e.passedOn(s.Cause) {
		e.suspect(Lingering, s.Path, s.Cause.At, s.ID, func() string {
			return fmt.Sprintf("scope %s was cancelled (%s) and has not ended", Quote(s.Path), s.Cause.Kind)
		})
	}
	if s.Shielded && now.Sub(s.Opened) > LongHold {
		e.suspect(LongShield, s.Path, s.Opened, s.ID, func() string { return "scope " + Quote(s.Path) + " is shielded" })
	}
}

// suspectUnread is called when the walk enters a scope.
func (e *eye) suspectUnread(at *seam.Sight) {
	for _, u := range at.Unread {
		if e.view.At.Sub(u.At) <= LongUnread {
			continue
		}
		path := seam.PathOf(u.Task)
		e.suspect(UnreadError, path, u.At, u.ID, func() string {
			return "task " + Quote(path) + " has failed, and nobody has asked for its error: " + Quote(ErrorText(u.Err))
		})
	}
}

// passedOn reports whether a scope around the one the walk has entered was
// cancelled for the same cause.
func (e *eye) passedOn(cause *scope.CanceledError) bool {
	for i := len(e.open) - 2; i >= 0; i-- {
		if s := e.open[i].scope; s != nil {
			return s.Cause == cause
		}
	}
	return false
}

// suspectTask is called when the walk comes to a task.
func (e *eye) suspectTask(t *scope.TaskSnapshot, at *seam.Sight, cause *scope.CanceledError) {
	e.idle.see(at)
	if cause != nil && e.view.At.Sub(cause.At) > LongCancel {
		since := cause.At
		what := strconv.FormatUint(e.top().scope.ID, 10) + "/" + t.Name
		e.suspect(Lingering, what, since, t.ID, func() string {
			text := "task " + Quote(seam.PathOf(at.Owner)) + " was cancelled and has not ended"
			if at.Waits {
				text += ": it waits in " + object(at.Mark.Kind, at.Mark.Name)
			}
			return text
		})
	}
	if at.Mark.Kind == "queue.put" && e.view.At.Sub(at.Since) > LongFull {
		e.suspect(FullQueue, at.Mark.Name, at.Since, t.ID, func() string {
			return "queue " + String(at.Mark.Name) + " is full: " + Quote(seam.PathOf(at.Owner)) + " waits to put"
		})
	}
}

// idleness is whether anything goes on in a root scope.
type idleness struct {
	busy   bool // something runs, or will go on by itself
	waits  int
	newest time.Time // since when the last one waits
}

func (i *idleness) see(at *seam.Sight) {
	if !at.Waits || at.Mark.Kind == "sleep" || at.Mark.Kind == "blocking" || at.Mark.Kind == "signal" {
		i.busy = true
		return
	}
	i.waits++
	if at.Since.After(i.newest) {
		i.newest = at.Since
	}
}

// suspectRoot is called when the walk has seen all of a root.
func (e *eye) suspectRoot(s *Scope) {
	i := e.idle
	if i.busy || i.waits == 0 || e.view.Locked || e.view.At.Sub(i.newest) <= LongIdle {
		return
	}
	e.suspect(Idle, s.Path, i.newest, s.ID, func() string {
		return "scope " + Quote(s.Path) + ": everything in it waits, and nothing in it could end that"
	})
}
