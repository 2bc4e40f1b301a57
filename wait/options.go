package wait

import (
	"strconv"
	"time"
)

// Option shapes a call of [Wait]. A nil Option is ignored; of several of a kind
// the last counts.
type Option interface{ applyWait() }

// Condition says when [Wait] returns.
type Condition uint8

const (
	// AllCompleted waits until everything is done. It is the default.
	AllCompleted Condition = iota
	// FirstCompleted waits until something is done.
	FirstCompleted
	// FirstException waits until something has failed, or else until everything
	// is done. What was cancelled has not failed; neither has a context.
	FirstException
)

func (Condition) applyWait() {}

var conditionNames = [...]string{"all completed", "first completed", "first exception"}

// String says what is waited for.
func (c Condition) String() string {
	if int(c) < len(conditionNames) {
		return conditionNames[c]
	}
	return "Condition(" + strconv.Itoa(int(c)) + ")"
}

type timeoutOption time.Duration

func (timeoutOption) applyWait() {}

// Timeout ends [Wait] after d, which is no error: what is not done by then is
// pending. With a d that is not positive Wait only looks.
func Timeout(d time.Duration) Option { return timeoutOption(d) }

type config struct {
	until   Condition
	timeout time.Duration
	timed   bool
}

func configure(opts []Option) (c config) {
	for _, o := range opts {
		switch o := o.(type) {
		case Condition:
			if o > FirstException {
				panic("wait: " + o.String() + " is no condition: use AllCompleted, FirstCompleted or FirstException")
			}
			c.until = o
		case timeoutOption:
			c.timeout, c.timed = time.Duration(o), true
		}
	}
	return c
}
