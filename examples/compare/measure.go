package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// loop is what a case iterates with; *testing.B is one. Between StopTimer and
// StartTimer it may do what is not to be measured.
type loop interface {
	Loop() bool
	StopTimer()
	StartTimer()
}

// stopwatch is a loop of a fixed number of iterations.
type stopwatch struct {
	left    int
	running bool
	since   time.Time
	elapsed time.Duration
}

func (s *stopwatch) Loop() bool {
	if s.left == 0 {
		s.StopTimer()
		return false
	}
	s.left--
	s.StartTimer()
	return true
}

func (s *stopwatch) StartTimer() {
	if !s.running {
		s.running, s.since = true, time.Now()
	}
}

func (s *stopwatch) StopTimer() {
	if s.running {
		s.elapsed += time.Since(s.since)
		s.running = false
	}
}

// a result is what one case took, round by round.
type result struct {
	work
	iterations int
	times      []float64 // ns for an iteration
	mallocs    float64   // for an iteration, on average over all rounds
}

// measure lets every case of one group and size take its turn in every round,
// in an order that changes from round to round.
func measure(works []work, rounds int, turn time.Duration) []*result {
	results := make([]*result, len(works))
	for i, w := range works {
		results[i] = &result{work: w, iterations: calibrate(w, turn)}
	}
	order := slices.Clone(results)
	for range rounds {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, r := range order {
			s := &stopwatch{left: r.iterations}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			r.run(s)
			runtime.ReadMemStats(&after)
			r.times = append(r.times, float64(s.elapsed)/float64(r.iterations))
			r.mallocs += float64(after.Mallocs-before.Mallocs) / float64(r.iterations*rounds)
		}
	}
	return results
}

// calibrate returns how many iterations of w take about a turn: of measured
// time, or of several turns of the clock on the wall.
func calibrate(w work, turn time.Duration) int {
	for n := 1; ; n *= 2 {
		s, begin := &stopwatch{left: n}, time.Now()
		w.run(s)
		if s.elapsed >= turn/2 || time.Since(begin) >= 4*turn {
			return n
		}
	}
}

// ratio is the ratio of the medians of r and base, with the quartiles of the
// ratios of single rounds.
func (r *result) ratio(base *result) (median, low, high float64) {
	each := make([]float64, len(r.times))
	for i := range each {
		each[i] = r.times[i] / base.times[i]
	}
	return quantile(r.times, .5) / quantile(base.times, .5), quantile(each, .25), quantile(each, .75)
}

// quantile interpolates between the two values next to q.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	i := int(at)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (sorted[j]-sorted[i])*(at-float64(i))
}

// table measures the cases that match pattern and writes a table of each group.
func table(out io.Writer, all []group, pattern *regexp.Regexp, rounds int, turn time.Duration) {
	fmt.Fprintf(out, "%s %s/%s, GOMAXPROCS %d, %d rounds; ratio of medians, in brackets the quartiles of the rounds\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), rounds)
	for _, g := range all {
		head := false
		for _, n := range g.sizes {
			works := g.of(n, pattern)
			if len(works) == 0 {
				continue
			}
			results := measure(works, rounds, turn)
			if !head {
				head = true
				fmt.Fprintf(out, "\n%s: %s\n", g.name, g.doc)
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			for _, r := range results {
				median, low, high := r.ratio(results[0])
				fmt.Fprintf(w, "  %d\t%s\t%.2f\t[%.2f %.2f]\t%.1f allocs", r.n, r.peer, median, low, high, r.mallocs)
				for _, t := range g.targets {
					i := slices.IndexFunc(results, func(b *result) bool { return b.peer == t.of })
					if t.peer == r.peer && i >= 0 && t.applies(n) {
						median, low, high := r.ratio(results[i])
						fmt.Fprintf(w, "\t%.2f [%.2f %.2f] of %s, target %.2f: %s", median, low, high, t.of, t.most, verdict(low, high, t.most))
					}
				}
				fmt.Fprintln(w)
			}
			must(w.Flush())
		}
	}
}

// verdict leaves open what half of the rounds do not agree on.
func verdict(low, high, most float64) string {
	switch {
	case high <= most:
		return "met"
	case low > most:
		return "missed"
	}
	return "too close to say"
}
