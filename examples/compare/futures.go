package main

import (
	"time"

	"github.com/Workiva/go-datastructures/futures"
	"github.com/samber/mo"
)

// The futures of other libraries. Theirs take no ctx, and nobody can set them
// from outside: each is completed by a goroutine of its own.

func moFuture(l loop, _ int) {
	for l.Loop() {
		f := mo.NewFuture(func(resolve func(int), _ func(error)) { resolve(1) })
		v, err := f.Collect()
		must(err)
		same(v, 1)
	}
}

func moReading(l loop, _ int) {
	f := mo.NewFuture(func(resolve func(int), _ func(error)) { resolve(1) })
	for l.Loop() {
		v, err := f.Collect()
		must(err)
		same(v, 1)
	}
}

func workivaFuture(l loop, _ int) {
	for l.Loop() {
		result := make(chan any, 1)
		f := futures.New(result, time.Hour)
		result <- 1
		v, err := f.GetResult()
		must(err)
		same(v.(int), 1)
	}
}

func workivaReading(l loop, _ int) {
	result := make(chan any, 1)
	f := futures.New(result, time.Hour)
	result <- 1
	for l.Loop() {
		v, err := f.GetResult()
		must(err)
		same(v.(int), 1)
	}
}
