//go:build unix

package monitor

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/corral-go/corral/scope"
)

// What an idle program pays for being watched, in percent of one core:
//
//	go test ./monitor -run XXX -bench Overhead -benchtime 5x
//
// "none" is the same program without a Monitor. One iteration takes a second.
func BenchmarkOverhead(b *testing.B) {
	for _, c := range []struct {
		name string
		m    func() *Monitor
	}{
		{"none", func() *Monitor { return New(Period(time.Hour), Window(time.Hour)) }},
		{"10ms", func() *Monitor { return New() }},
		{"100ms", func() *Monitor { return New(Period(100 * ms)) }},
		{"10ms with OnLag", func() *Monitor { return New(OnLag(time.Hour, func(Report) {})) }},
	} {
		b.Run(c.name, func(b *testing.B) {
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

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
