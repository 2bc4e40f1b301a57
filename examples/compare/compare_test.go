package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestEveryCaseRuns runs each case, of any size that is not huge, a few times:
// they check their own results.
func TestEveryCaseRuns(t *testing.T) {
	for _, g := range cases() {
		for _, n := range g.sizes {
			if n > 1000 {
				continue
			}
			for _, w := range g.of(n, regexp.MustCompile("")) {
				t.Run(w.name, func(t *testing.T) {
					s := &stopwatch{left: 3}
					w.run(s)
					if s.left != 0 || s.running {
						t.Errorf("%d iterations left, running %t", s.left, s.running)
					}
				})
			}
		}
	}
}

func TestTargetsNamePeers(t *testing.T) {
	for _, g := range cases() {
		peers := map[string]bool{}
		for _, p := range g.peers {
			peers[p.name] = true
		}
		for _, target := range g.targets {
			if !peers[target.peer] || !peers[target.of] {
				t.Errorf("%s: the target of %q by %q names no peer", g.name, target.peer, target.of)
			}
		}
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	spin := func(times int) func(loop, int) {
		return func(l loop, n int) {
			for l.Loop() {
				for range times * n {
					fill(make([]byte, 256))
				}
			}
		}
	}
	table(&out, []group{{
		"spin", "turn",
		[]int{1, 2},
		[]peer{{"base", spin(1)}, {"other", spin(2)}, {"left out", spin(1)}},
		[]target{{peer: "other", of: "base", most: 1e9, n: 2}},
	}}, regexp.MustCompile("spin/./other"), 3, time.Microsecond)
	for want, times := range map[string]int{"spin: turn\n": 1, "base ": 2, "other ": 2, "left out": 0, "met\n": 1} {
		if got := strings.Count(out.String(), want); got != times {
			t.Errorf("%q is there %d times, want %d:\n%s", want, got, times, out.String())
		}
	}
}

func TestRatio(t *testing.T) {
	base := &result{times: []float64{1, 2, 3, 4, 5}}
	r := &result{times: []float64{2, 4, 6, 8, 20}}
	median, low, high := r.ratio(base)
	if median != 2 || low != 2 || high != 2 {
		t.Errorf("ratio is %v [%v %v], want 2 [2 2]", median, low, high)
	}
	if got := quantile([]float64{4, 1, 3, 2}, .5); got != 2.5 {
		t.Errorf("the median is %v, want 2.5", got)
	}
}
