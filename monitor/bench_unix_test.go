//go:build unix

package monitor

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/corral-go/corral/scope"
)

// What an idle program pays for being watched, in percent of one core:
//
//	go test ./monitor -run XXX -bench Overhead -benchtime 5x
//
// "none" is the same program without a Monitor; "10ms bare" has a goroutine that
// only sleeps and yields as often as the Monitor does: what the operating system
// and the runtime take to wake a goroutine, which is nearly all there is. One
// iteration takes a second.
func BenchmarkOverhead(b *testing.B) {
	for _, c := range []struct {
		name string
		m    func() *Monitor
		bare bool
	}{
		{"none", func() *Monitor { return New(Period(time.Hour), Window(time.Hour)) }, false},
		{"10ms bare", func() *Monitor { return New(Period(time.Hour), Window(time.Hour)) }, true},
		{"10ms", func() *Monitor { return New() }, false},
		{"100ms", func() *Monitor { return New(Period(100 * ms)) }, false},
		{"10ms with OnLag", func() *Monitor { return New(OnLag(time.Hour, func(Report) {})) }, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			if c.bare {
				defer sleepAndYield()()
			}
			var cpu, wall time.Duration
			for b.Loop() {
				_ = c.m().Watch(context.Background(), func(ctx context.Context) error {
					used, began := cpuTime(b), time.Now()
					err := scope.Sleep(ctx, time.Second)
					cpu += cpuTime(b) - used
					wall += time.Since(began)
					return err
				})
			}
			b.ReportMetric(100*cpu.Seconds()/wall.Seconds(), "%core")
		})
	}
}

// sleepAndYield does what a Monitor does, and measures nothing, until it is
// stopped.
func sleepAndYield() (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		alarm := time.NewTimer(10 * ms)
		for {
			select {
			case <-over:
				return
			case <-alarm.C:
				runtime.Gosched()
				alarm.Reset(10 * ms)
			}
		}
	}()
	return func() { close(over); <-done }
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
