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
