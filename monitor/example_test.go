package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/corral-go/corral/monitor"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
)

func serve(context.Context) error { return nil }

// Measure while something runs.
func ExampleMonitor_Watch() {
	m := monitor.New(monitor.Name("main"), monitor.Period(time.Millisecond), monitor.Window(time.Minute))
	err := m.Watch(context.Background(), func(ctx context.Context) error {
		for m.Stats().Samples == 0 { // until there is something to see
			if err := scope.Checkpoint(ctx); err != nil {
				return err
			}
		}
		return serve(ctx)
	})
	s := m.Stats()
	fmt.Println(err, m.Result() >= 1, s.Mean == m.Result(), s.Max >= s.Mean, s.LagMax >= s.LagP50)
	// Output: <nil> true true true true
}

// Measure in a task of one's own.
func ExampleMonitor_Run() {
	m := monitor.New()
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, m.Run, scope.Background())
		return serve(ctx)
	})
	fmt.Println(err)
	// Output: <nil>
}

// Measure the loop that tasks are guests of, in one of them: whoever keeps that
// from going on is named.
func ExampleMonitor_Run_host() {
	loop := make(chan func(), 16)
	late := make(chan monitor.Report, 1)
	m := monitor.New(monitor.Period(time.Millisecond), monitor.OnLag(20*time.Millisecond, func(r monitor.Report) { late <- r }))
	_, err := guest.Start(context.Background(), guest.Host{RunSyncSoonThreadsafe: func(fn func()) { loop <- fn }},
		func(ctx context.Context) (string, error) {
			return "", scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, m.Run, scope.Background())
				return scope.Go(ctx, func(context.Context) error {
					r := <-late // blocks the loop, and not by a wait of ours
					fmt.Println(r.Culprits[0].Task)
					return nil
				}, scope.Name("blocker")).Wait(ctx)
			}, scope.Name("window"))
		}, func(guest.Outcome[string]) { close(loop) })
	for fn := range loop {
		fn()
	}
	fmt.Println(err)
	// Output:
	// ExampleMonitor_Run_host.func3/window/blocker
	// <nil>
}

// A few measurements a second are enough to see a program in trouble, and cost
// next to nothing.
func ExamplePeriod() {
	m := monitor.New(monitor.Period(100 * time.Millisecond))
	fmt.Println(m.Result()) // before the first measurement
	// Output: 1
}

// Remember for longer: what was measured counts for ten minutes.
func ExampleWindow() {
	m := monitor.New(monitor.Window(10 * time.Minute))
	fmt.Println(m.Stats().Window)
	// Output: 10m0s
}

// Say from when on the program is too busy to take more on.
func ExampleMonitor_Result() {
	m := monitor.New()
	err := m.Watch(context.Background(), func(ctx context.Context) error {
		if m.Result() > 50 { // what is ready waits for half a second before it runs
			return errors.New("overloaded")
		}
		return serve(ctx)
	})
	fmt.Println(err)
	// Output: <nil>
}

// Print the lags of the last minute, as a histogram.
func ExampleStats() {
	m := monitor.New(monitor.Name("main"))
	_ = m.Watch(context.Background(), serve)
	s := m.Stats()
	bounds := monitor.LagBounds()
	for i, n := range s.Lags {
		if n > 0 && i < len(bounds) {
			log.Printf("%d lags up to %v", n, bounds[i])
		}
	}
	fmt.Println(bounds[0], bounds[len(bounds)-1], len(s.Lags)-len(bounds))
	// Output: 100µs 5s 1
}

// Turn a report into one line of a log.
func ExampleReport() {
	report := func(r monitor.Report) string {
		who := "nobody that could be measured"
		if len(r.Culprits) > 0 {
			who = r.Culprits[0].Task // the worst comes first
		}
		return fmt.Sprintf("%s: late by %v: %s", r.At.Format(time.TimeOnly), r.Lag, who)
	}
	fmt.Println(report(monitor.Report{
		At:       time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		Lag:      80 * time.Millisecond,
		Culprits: []monitor.Culprit{{Task: "service/hash"}, {Task: "service/index"}},
	}))
	// Output: 12:00:00: late by 80ms: service/hash
}

// A culprit that is no task of Corral's has no name: its stack tells what it is.
func ExampleCulprit() {
	tell := func(c monitor.Culprit) string {
		first, _, _ := strings.Cut(string(c.Stack), "\n")
		if c.Task == "" {
			return first
		}
		return fmt.Sprintf("%s, in %s, for %v", c.Task, first, c.CPU)
	}
	fmt.Println(tell(monitor.Culprit{Task: "service/hash", CPU: 300 * time.Millisecond, Stack: []byte("crypto/sha256.block\n\t…")}))
	fmt.Println(tell(monitor.Culprit{CPU: 20 * time.Millisecond, Stack: []byte("runtime.gcDrain\n\t…")}))
	// Output:
	// service/hash, in crypto/sha256.block, for 300ms
	// runtime.gcDrain
}

// Ask who did it when the processors were held for long.
func ExampleOnLag() {
	report := func(r monitor.Report) {
		log.Printf("lag of %v", r.Lag)
		for _, c := range r.Culprits {
			log.Printf("%s used %v of CPU:\n%s", c.Task, c.CPU, c.Stack)
		}
	}
	err := monitor.New(monitor.OnLag(time.Second, report)).Watch(context.Background(), serve)
	fmt.Println(err)
	// Output: <nil>
}

// Two tasks wait for each other: the dump says so.
func ExampleDump() {
	s := scope.New(scope.Name("service"))
	_ = s.Run(context.Background(), func(ctx context.Context) error {
		var a, b *scope.Child
		ready := make(chan struct{})
		a = scope.Go(ctx, func(ctx context.Context) error { <-ready; return b.Wait(ctx) }, scope.Name("a"))
		b = scope.Go(ctx, func(ctx context.Context) error { <-ready; return a.Wait(ctx) }, scope.Name("b"))
		close(ready)
		for _, t := range []int{0, 1} {
			for s.Snapshot().Tasks[t].WaitingOn == nil {
				_ = scope.Checkpoint(ctx)
			}
		}
		var text strings.Builder
		_ = monitor.Dump(&text)
		_, deadlocks, _ := strings.Cut(text.String(), "deadlocks\n")
		_, first, _ := strings.Cut(deadlocks, ": ") // without how long it has lasted
		fmt.Print(first)
		s.Cancel(nil)
		return nil
	})
	// Output: service/a waits in task.wait for service/b; service/b waits in task.wait for service/a
}

// Dump whenever the process gets a signal: here SIGUSR1, as none is given.
func ExampleDumpOnSignal() {
	err := scope.Run(context.Background(), func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			return monitor.DumpOnSignal(ctx, os.Stderr)
		}, scope.Background(), scope.Name("dumper"))
		return serve(ctx)
	})
	fmt.Println(err)
	// Output: <nil>
}
