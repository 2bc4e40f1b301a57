package monitor

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/corral-go/corral/internal/profile"
)

const (
	lookEvery  = 40 * time.Millisecond
	lookedMost = 10_000 // goroutines that are looked at: above, that alone would be a lag
)

// profiler is the witness that asks the runtime: for a CPU profile, or, if
// somebody else has one taken (there is one per process), for the goroutines
// that run.
type profiler struct {
	cpu     bytes.Buffer
	owned   bool // cpu is being written
	suspect suspects
	looked  time.Time
	sums    sums
}

func (p *profiler) begin() {
	p.cpu.Reset()
	p.sums = sums{}
	p.looked = time.Time{}
	p.suspect = running()
	p.owned = pprof.StartCPUProfile(&p.cpu) == nil
}

// look takes the place of a CPU profile: it counts who is running, or about to.
func (p *profiler) look(now time.Time) {
	if p.owned || now.Sub(p.looked) < lookEvery || runtime.NumGoroutine() > lookedMost {
		return
	}
	p.looked = now
	var b bytes.Buffer
	if pprof.Lookup("goroutine").WriteTo(&b, 0) != nil {
		return
	}
	samples, err := profile.Parse(b.Bytes())
	if err != nil {
		return
	}
	for i := range samples {
		if s := &samples[i]; !parked(s) {
			p.sums.add(p.suspect, s, 0)
		}
	}
}

// parked reports whether a goroutine waits, or is the one that looks.
func parked(s *profile.Sample) bool {
	if len(s.Stack) == 0 {
		return true
	}
	switch s.Stack[0].Function {
	case "runtime.gopark", "runtime.goroutineProfileWithLabels", "runtime/pprof.runtime_goroutineProfileWithLabels", "runtime.notetsleepg", "runtime.goexit0", "runtime.goyield", "syscall.Syscall", "syscall.Syscall6":
		return true
	}
	for _, f := range s.Stack {
		if f.Function == "runtime/pprof.writeGoroutine" || f.Function == "os/signal.signal_recv" {
			return true
		}
	}
	return false
}

func (p *profiler) end() []culprit {
	p.suspect.and(running()) // that have begun since
	if p.owned {
		pprof.StopCPUProfile()
		samples, err := profile.Parse(p.cpu.Bytes())
		if err == nil {
			for i := range samples {
				if s := &samples[i]; len(s.Values) == 2 {
					p.sums.add(p.suspect, s, time.Duration(s.Values[1]))
				}
			}
		}
	}
	found := p.sums.worst(maxCulprits)
	p.sums, p.suspect = nil, suspects{}
	p.cpu = bytes.Buffer{}
	return found
}

// idOf is the task that a sample is of, by its goroutine's label; 0 if it has
// none.
func idOf(s *profile.Sample) uint64 {
	id, _ := strconv.ParseUint(s.Label(labelID), 10, 64)
	return id
}
