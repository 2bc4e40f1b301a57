package inspect

import (
	"math"
	"runtime/metrics"

	"github.com/corral-go/corral/internal/findings"
	"github.com/corral-go/corral/monitor"
)

// lag is the answer of the screen of that name.
type lag struct {
	head
	Monitors []monitorLag `json:"monitors"` // see Lag
	Runtime  runtimeLag   `json:"runtime"`
}

// monitorLag is what a Monitor has measured, in seconds and ratios.
type monitorLag struct {
	Name      text     `json:"name"`
	Samples   uint64   `json:"samples"`
	Last      float64  `json:"last"`
	Mean      float64  `json:"mean"`
	Max       float64  `json:"max"`
	P50       float64  `json:"lag_p50"`
	P99       float64  `json:"lag_p99"`
	LagMax    float64  `json:"lag_max"`
	Window    float64  `json:"window"`
	Histogram []bucket `json:"histogram"` // of the lags in the window, with the bounds of corral.loop.delay
}

// runtimeLag is what Go's scheduler says of itself.
type runtimeLag struct {
	Procs      uint64   `json:"procs"`
	Goroutines uint64   `json:"goroutines"`
	Runnable   uint64   `json:"runnable"`
	Histogram  []bucket `json:"histogram"` // how long goroutines were ready before they ran, since the program began
}

// bucket counts what took longer than the one before, and at most this long.
type bucket struct {
	Below float64 `json:"below,omitempty"` // seconds; absent: more than that
	Count uint64  `json:"count"`
}

// bounds are those of the histogram: the runtime's own has hundreds.
var bounds = []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, math.Inf(1)}

func (c *config) lag(v *findings.View, _ query) (any, bool) {
	out := &lag{head: c.head("lag", v), Monitors: []monitorLag{}}
	for _, m := range c.monitors {
		s := m.Stats()
		out.Monitors = append(out.Monitors, monitorLag{
			clean(m.name), s.Samples, s.Last, s.Mean, s.Max, s.LagP50.Seconds(), s.LagP99.Seconds(), s.LagMax.Seconds(), s.Window.Seconds(), lagsOf(s),
		})
	}
	samples := []metrics.Sample{
		{Name: "/sched/gomaxprocs:threads"},
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/latencies:seconds"},
	}
	metrics.Read(samples)
	for i, to := range []*uint64{&out.Runtime.Procs, &out.Runtime.Goroutines, &out.Runtime.Runnable} {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			*to = samples[i].Value.Uint64()
		}
	}
	if samples[3].Value.Kind() == metrics.KindFloat64Histogram {
		out.Runtime.Histogram = histogramOf(samples[3].Value.Float64Histogram())
	}
	return out, true
}

// lagsOf puts the counts of s beside their bounds.
func lagsOf(s monitor.Stats) []bucket {
	out := make([]bucket, len(s.Lags))
	for i, b := range monitor.LagBounds() {
		out[i].Below = b.Seconds()
	}
	for i, n := range s.Lags {
		out[i].Count = n
	}
	return out
}

// histogramOf puts what the runtime has counted into the bounds.
func histogramOf(h *metrics.Float64Histogram) []bucket {
	out := make([]bucket, len(bounds))
	for i, b := range bounds {
		if !math.IsInf(b, 1) {
			out[i].Below = b
		}
	}
	at := 0
	for i, n := range h.Counts {
		for at < len(bounds)-1 && h.Buckets[i+1] > bounds[at]*1.5 { // the one that is nearest
			at++
		}
		out[at].Count += n
	}
	return out
}
