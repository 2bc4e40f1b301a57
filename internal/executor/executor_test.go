package executor_test

import (
	"bytes"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/executor"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

type job func()

func (j job) Execute() { j() }

func TestEveryJobRunsBeforeCloseReturns(t *testing.T) {
	testkit.Guard(t)
	var e executor.Executor
	var ran atomic.Int64
	var jobs sync.WaitGroup
	for range 1000 {
		jobs.Add(1)
		e.Go(job(func() { defer jobs.Done(); ran.Add(1) }))
	}
	jobs.Wait()
	e.Close()
	require.EqualValues(t, 1000, ran.Load())
}

// Jobs may bring further jobs while the owner already waits: what a conc pool
// answers with a panic.
func TestJobsFromJobsAfterEnding(t *testing.T) {
	testkit.Guard(t)
	var e executor.Executor
	var ran atomic.Int64
	var jobs sync.WaitGroup
	var spawn func(n int)
	spawn = func(n int) {
		jobs.Add(1)
		e.Go(job(func() {
			defer jobs.Done()
			ran.Add(1)
			if n > 0 {
				spawn(n - 1)
				spawn(n - 1)
			}
		}))
	}
	spawn(9)
	e.Ending()
	jobs.Wait()
	e.Close()
	require.EqualValues(t, 1<<10-1, ran.Load())
}

// workers counts the goroutines of executors.
func workers() int {
	buf := make([]byte, 1<<20)
	return bytes.Count(buf[:runtime.Stack(buf, true)], []byte("executor.(*Executor).work("))
}

// A goroutine at rest is reused; no more than eight rest; none is left.
func TestReuse(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var e executor.Executor
		for range 100 {
			e.Go(job(func() {}))
			synctest.Wait()
		}
		require.Equal(t, 1, workers())

		hold := make(chan struct{})
		for range 100 {
			e.Go(job(func() { <-hold }))
		}
		synctest.Wait()
		require.Equal(t, 100, workers())
		close(hold)
		synctest.Wait()
		require.Equal(t, 8, workers())

		e.Close()
		synctest.Wait()
		require.Zero(t, workers())
	})
}

func TestGoexitTakesOnlyItsGoroutine(t *testing.T) {
	testkit.Guard(t)
	var e executor.Executor
	var jobs sync.WaitGroup
	for i := range 100 {
		jobs.Add(1)
		e.Go(job(func() {
			defer jobs.Done()
			if i%2 == 0 {
				runtime.Goexit()
			}
		}))
	}
	jobs.Wait()
	e.Close()
}

func TestDetachOutlivesTheExecutor(t *testing.T) {
	testkit.Guard(t)
	hold, done := make(chan struct{}), make(chan struct{})
	executor.Detach(func() { <-hold; close(done) })
	close(hold)
	<-done
}

// Jobs that block hold up no others: each of these waits for the one that comes
// after it, and all of them are brought before the first has run.
func TestBlockedJobsHoldUpNone(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		var e executor.Executor
		const n = 100
		var passed [n + 1]chan struct{}
		for i := range passed {
			passed[i] = make(chan struct{})
		}
		e.Go(job(func() {
			for i := range n {
				e.Go(job(func() { <-passed[i+1]; close(passed[i]) }))
			}
			close(passed[n])
		}))
		<-passed[0]
		synctest.Wait()
		e.Close()
	})
}

// No job is lost between those who bring, those who take and those who rest.
func TestManyBringers(t *testing.T) {
	testkit.Guard(t)
	var e executor.Executor
	var ran atomic.Int64
	var bringers sync.WaitGroup
	const n = 20_000
	for range 4 {
		bringers.Go(func() {
			var jobs sync.WaitGroup
			for i := range n {
				jobs.Add(1)
				e.Go(job(func() { ran.Add(1); jobs.Done() }))
				if i%64 == 0 {
					jobs.Wait() // goroutines go to rest meanwhile
				}
			}
			jobs.Wait()
		})
	}
	bringers.Wait()
	e.Close()
	require.EqualValues(t, 4*n, ran.Load())
}
