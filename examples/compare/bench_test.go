package main

import (
	"regexp"
	"strconv"
	"testing"
)

// Benchmark is every case of the table as a benchmark: group/n/peer.
func Benchmark(b *testing.B) {
	all := regexp.MustCompile("")
	for _, g := range cases() {
		b.Run(g.name, func(b *testing.B) {
			for _, n := range g.sizes {
				b.Run(strconv.Itoa(n), func(b *testing.B) {
					for _, w := range g.of(n, all) {
						b.Run(w.peer, func(b *testing.B) {
							b.ReportAllocs()
							w.run(b)
						})
					}
				})
			}
		})
	}
}
