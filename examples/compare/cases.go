package main

import (
	"cmp"
	"fmt"
	"regexp"
)

// A work is one peer doing what its group is about, once for each iteration.
type work struct {
	name string // group/n/peer
	peer string
	n    int
	run  func(loop)
}

// A group is the same work done by several peers; the first is the base that
// the others are measured by.
type group struct {
	name, doc string
	sizes     []int
	peers     []peer
	targets   []target
}

type peer struct {
	name string
	run  func(l loop, n int)
}

// A target says how much of another peer's time one may take; with n only for
// the size n, with least from that size on.
type target struct {
	peer, of string
	most     float64
	n, least int
}

func (t target) applies(n int) bool { return n >= t.least && cmp.Or(t.n, n) == n }

// of returns the group's works of size n whose names match pattern. The base
// is among them if there is any, for the ratios.
func (g group) of(n int, pattern *regexp.Regexp) []work {
	var works []work
	for i, p := range g.peers {
		w := work{name: fmt.Sprintf("%s/%d/%s", g.name, n, p.name), peer: p.name, n: n, run: func(l loop) { p.run(l, n) }}
		if i == 0 || pattern.MatchString(w.name) {
			works = append(works, w)
		}
	}
	if len(works) == 1 && !pattern.MatchString(works[0].name) {
		return nil
	}
	return works
}

func cases() []group {
	return append([]group{
		{
			"join", "open a scope, spawn and join n tasks that do nothing",
			[]int{1, 10, 100, 1000},
			append([]peer{
				{"bare", bareJoin},
				{"errgroup", errgroupJoin},
				{"conc.WaitGroup", concJoin},
				{"conc/pool", poolJoin},
				{"bare, spans by hand", bareSpans},
				{"corral, spans by hand", corralSpans},
			}, everyWay("corral", corralJoin)...),
			[]target{
				{peer: "corral/off", of: "errgroup", most: 1.2, n: 1},
				{peer: "corral/off", of: "errgroup", most: 1.1, least: 100},
				{peer: "corral/unsampled", of: "corral/off", most: 1.25},
				{peer: "corral/sampled", of: "bare, spans by hand", most: 1.1},
				{peer: "corral/sampled", of: "corral, spans by hand", most: 1.1},
			},
		},
		{
			"deep", "the same with tasks that need 8 KiB of stack",
			[]int{1, 100},
			[]peer{
				{"bare", bareDeep},
				{"errgroup", errgroupDeep},
				{"conc/pool", poolDeep},
				{"corral/off", inMode(off, corralDeep)},
			},
			nil,
		},
		{
			"typed", "open a scope, spawn n tasks, take their results",
			[]int{1, 10, 100, 1000},
			append([]peer{
				{"bare", bareTyped},
				{"errgroup", errgroupTyped},
				{"conc/pool", poolTyped},
			}, everyWay("corral", corralTyped)...),
			[]target{{peer: "corral/off", of: "conc/pool", most: .45}},
		},
		{
			"single", "in an open scope, spawn one typed task and wait for it",
			[]int{1},
			append([]peer{{"go, channel, select", bareSingle}, {"samber/mo", moFuture}}, everyWay("corral", corralSingle)...),
			[]target{{peer: "corral/off", of: "go, channel, select", most: 1}},
		},
		{
			"single, deep", "the same with a task that needs 8 KiB of stack",
			[]int{1},
			[]peer{
				{"go, channel, select", bareDeepSingle},
				{"corral/off", inMode(off, corralDeepSingle)},
			},
			[]target{{peer: "corral/off", of: "go, channel, select", most: .55}},
		},
		{
			"cancel", "from cancelling n parked tasks to having joined them",
			[]int{1, 100, 10_000, 100_000},
			[]peer{
				{"select on one context", bareCancel},
				{"errgroup", errgroupCancel},
				{"corral/off, select", inMode(off, corralCancelSelect)},
				{"corral/off, scope.Sleep", inMode(off, corralCancelSleep)},
			},
			[]target{{peer: "corral/off, select", of: "select on one context", most: 1.5, n: 100_000}},
		},
		{
			"nested", "open and leave n scopes, one inside the other",
			[]int{1, 10, 100},
			append([]peer{{"context.WithCancel", bareNested}}, everyWay("corral", corralNested)...),
			nil,
		},
		{
			"future", "make a future, set it, wait for it; n times",
			[]int{1},
			append([]peer{
				{"channel of one, select", bareFuture},
				{"samber/mo", moFuture},
				{"Workiva/futures", workivaFuture},
			}, everyWay("corral", corralFuture)...),
			[]target{{peer: "corral/off", of: "channel of one, select", most: .25}},
		},
		{
			"reading", "wait for a future that is done",
			[]int{1},
			append([]peer{
				{"closed channel, select", bareReading},
				{"samber/mo", moReading},
				{"Workiva/futures", workivaReading},
			}, everyWay("corral", corralReading)...),
			nil,
		},
		{
			"waking", "from setting a future to having joined the n tasks that waited for it",
			[]int{1, 100, 10_000},
			[]peer{
				{"close a channel, select", bareWaking},
				{"corral/off", inMode(off, corralWaking)},
			},
			nil,
		},
		{
			"queue, one goroutine", "put and get, bound n",
			[]int{64},
			append([]peer{{"channel, select", bareQueueAlone}}, everyWay("corral", corralQueueAlone)...),
			[]target{{peer: "corral/off", of: "channel, select", most: .25}},
		},
		queueGroup(1, []int{1, 64, 1024}),
		queueGroup(4, []int{64}),
		queueGroup(64, []int{64}),
	}, primitiveCases()...)
}

func queueGroup(clients int, bounds []int) group {
	return group{
		fmt.Sprintf("queue, %d to %d", clients, clients), fmt.Sprintf("hand over %d items, bound n", queueItems),
		bounds,
		append([]peer{{"channel, select", bareQueue(clients)}}, everyWay("corral", corralQueue(clients))...),
		[]target{
			{peer: "corral/off", of: "channel, select", most: .85, n: 1},
			{peer: "corral/off", of: "channel, select", most: .45, least: 64},
		},
	}
}
