// Package monitor sees a running program: how saturated its processors are, who
// did it, and what every scope and task is doing.
//
// A [Monitor] measures the scheduler lag, in a goroutine that somebody runs:
//
//	m := monitor.New(monitor.OnLag(50*time.Millisecond, report))
//	err := m.Watch(ctx, serve)
//
// [Monitor.Result] is 1 when goroutines run as soon as they can, and grows with
// the queue of those that could. With [OnLag], the tasks that hold the
// processors are named. [Dump] writes the live tree as text, also of a program
// that hangs; [DumpOnSignal] does when a signal comes.
//
// With the ctx of a guest run it is the host's loop that is measured: how late it
// is to call what it is given to call, and which task has kept it.
//
// # Guarantees
//
// Nothing runs, and nothing is counted or kept, unless it is asked for: no
// goroutine, ticker or buffer is there before Run, and none after it. A Monitor
// works with memory that does not grow, and takes none for a measurement. Dump
// looks at what is there anyway, waits for no lock that is held for long, and
// holds none for long.
//
// # What it costs
//
// With a period of 10 ms it took 2.0 % of a core, with one of 100 ms 0.3 %, on an
// idle virtual machine of two. Nearly all of it is what the operating system and
// the runtime take to wake a goroutine: one that only sleeps and yields every
// 10 ms took 1.9 % there. On yours, beside that one:
//
//	go test ./monitor -run XXX -bench Overhead -benchtime 5x
//
// # Non-guarantees
//
// What is measured is real time, of a machine that may do other things, too. A
// program that idles on a busy machine can look saturated, and is.
//
// # Telemetry
//
// While it runs, a Monitor records the histogram corral.loop.delay (the lag, in
// seconds) and, once a second, the gauges corral.loop.saturation (the Result)
// and corral.loop.runnable (goroutines that are ready to run, per processor; on a
// host's loop, host tasks that are), with its name as corral.loop.name. A lag over
// the threshold of OnLag is recorded with the worst culprit's span as the current
// one, so that the exemplar of a bad bucket leads to the trace of the task that
// caused it.
//
// # Debugging and testing
//
// In a testing/synctest bubble time stands still while anything runs: the Result
// is 1. A Monitor, like every timer, hides a deadlock of the rest from the
// runtime and from synctest, which is why it runs only when asked to; the dump
// finds it: a cycle of tasks that wait for one another, and a wait for a future
// whose maker has ended, are reported as certain, the rest as suspicions.
package monitor
