package scope

import (
	"time"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
)

// unread remembers the tasks that failed last and of whose errors nobody was
// told: in a scope with Supervise(nil), when nobody waited for the task. Whoever
// has its Child may still ask for the error, and then it is not unread. All other
// failures go to somebody: to a handler, or to who called Run. What he does with
// them cannot be known.
type unread struct {
	list [mostUnread]*Child
	at   [mostUnread]time.Time
	next int // where the next one goes
}

const mostUnread = 8

// keepUnread remembers c, which has just failed.
func (s *Scope) keepUnread(c *Child) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.unread
	if u == nil {
		u = new(unread)
		s.unread = u
	}
	u.list[u.next], u.at[u.next] = c, now
	u.next = (u.next + 1) % mostUnread
}

// tell returns those that are unread still, oldest first.
func (u *unread) tell(look park.Look) (list []seam.Unread) {
	for i := range u.list {
		i = (u.next + i) % mostUnread
		c := u.list[i]
		if c == nil || !look(&c.mu) {
			continue
		}
		err, asked := c.err, c.asked
		c.mu.Unlock()
		if !asked {
			list = append(list, seam.Unread{Task: c, ID: c.id, Err: err, At: u.at[i]})
		}
	}
	return list
}
