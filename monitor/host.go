package monitor

import (
	"cmp"
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// runBeside measures the loop of a guest run, on a goroutine, while the task that
// has called it waits: a goroutine sees the host also while that is frozen.
func (m *Monitor) runBeside(ctx context.Context, h seam.Host) error {
	now := time.Now()
	m.begin(now)
	defer m.finish(time.Now)
	r := &onHost{
		recorder: recorder{loop: otelx.LoopOf(ctx, cmp.Or(m.name, h.Name())), ctx: spanless(ctx), next: now},
		m:        m, host: h, ran: make(chan call, 1),
	}
	if m.report != nil { // from this step on, whoever freezes the host is known
		r.holders = newHolders(now)
		defer h.Watch(r.holders)()
	}
	_, err := scope.Blocking(ctx, func() (struct{}, error) { return struct{}{}, r.measure(ctx) })
	return err
}

// onHost is what a Monitor of a host's loop works with: turn after turn, it waits
// for a period, and then gives the host something to call.
type onHost struct {
	recorder
	m       *Monitor
	host    seam.Host
	ran     chan call // has room for the one that is under way
	holders *holders  // nil without OnLag
	alarm   *time.Timer

	due    time.Time // when the host was given the call
	freeze *freeze   // the lag of this turn has passed the threshold
	rest   time.Time // there is no other report before
	teller teller
}

// call is what the host says when it makes the call: when that is, and who has
// had the thread since it was due, if it is far too late.
type call struct {
	at    time.Time
	holds []hold
}

// freeze is what is known of a lag over the threshold.
type freeze struct {
	report bool   // there is to be one, and it was not made yet
	path   string // who had the thread when it was found out, "" if that is not known
	stack  []byte // his
}

func (r *onHost) measure(ctx context.Context) error {
	defer r.m.finish(time.Now) // the caller may be frozen
	r.alarm = time.NewTimer(r.m.period)
	defer r.alarm.Stop()
	for {
		r.m.turn(time.Now())
		r.alarm.Reset(r.m.period)
		select {
		case <-ctx.Done():
			return park.Check(ctx)
		case <-r.host.Done():
			return nil
		case <-r.alarm.C:
		}
		if over, err := r.await(ctx); over || err != nil {
			return err
		}
	}
}

// await has the host make the call, and waits for that; over: the run has ended.
func (r *onHost) await(ctx context.Context) (over bool, err error) {
	r.due, r.freeze = time.Now(), nil
	r.holders.reset(r.due)
	if !r.host.Soon(r.called) {
		return true, nil
	}
	if r.holders != nil {
		r.alarm.Reset(r.m.threshold + 1)
	}
	for {
		select {
		case c := <-r.ran:
			r.m.turned(c.at)
			r.record(c)
			return false, nil
		case <-r.host.Done():
			return true, nil
		case <-ctx.Done():
			if r.freeze != nil {
				now := time.Now()
				r.record(call{now, r.holders.until(now)})
			}
			return false, park.Check(ctx)
		case <-r.alarm.C:
			r.frozen(time.Now())
		}
	}
}

// called is called by the host, on its thread.
func (r *onHost) called() {
	c := call{at: time.Now()}
	if r.holders != nil && c.at.Sub(r.due) > r.m.threshold {
		c.holds = r.holders.until(c.at)
	}
	r.ran <- c
}

// frozen is called while the host is: when the lag passes the threshold, and
// once more when it is time for the report.
func (r *onHost) frozen(now time.Time) {
	if r.freeze != nil {
		r.tell(now, r.culprits(now, r.holders.until(now)))
		return
	}
	r.passed(now)
	if !r.freeze.report {
		return
	}
	if owner := r.holders.now(); owner != nil {
		r.freeze.path, r.freeze.stack = seam.PathOf(owner), stackOf(owner)
	}
	r.alarm.Reset(inquiryTime)
}

// passed notes that the lag has passed the threshold.
func (r *onHost) passed(now time.Time) {
	r.freeze = &freeze{report: !now.Before(r.rest)}
	if r.freeze.report {
		r.rest = now.Add(inquiryRest)
	}
}

// record is called when the turn is over. A lag over the threshold is recorded
// in the span of who was to blame.
func (r *onHost) record(c call) {
	ctx, lag := r.ctx, max(0, c.at.Sub(r.due))
	if r.holders != nil && lag > r.m.threshold {
		if r.freeze == nil {
			r.passed(c.at) // it was over before anybody looked
		}
		found := r.culprits(c.at, c.holds)
		if len(found) > 0 && found[0].span.IsValid() {
			ctx = trace.ContextWithSpanContext(ctx, found[0].span)
		}
		r.tell(c.at, found)
	}
	r.loop.Delay(ctx, lag)
	r.gauge(r.m, c.at, func() float64 { return float64(r.host.Ready()) })
}

// tell makes the report, unless that was done, or there was one a while ago.
func (r *onHost) tell(now time.Time, found []culprit) {
	if !r.freeze.report {
		return
	}
	r.freeze.report = false
	report := Report{At: now, Lag: now.Sub(r.due)}
	for _, c := range found {
		report.Culprits = append(report.Culprits, c.Culprit)
	}
	r.teller.tell(r.m, report)
}

// culprits are the worst of those who have had the thread since the call was due;
// "" is the host itself, if it had that for more than a tenth of the time.
func (r *onHost) culprits(now time.Time, holds []hold) []culprit {
	lag := now.Sub(r.due)
	own := lag
	for _, h := range holds {
		own -= h.time
	}
	if own > lag/10 {
		holds = append(holds, hold{time: own})
	}
	return worstOf(holds, r.freeze.path, r.freeze.stack)
}
