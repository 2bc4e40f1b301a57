package executor_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/corral-go/corral/internal/executor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type job func()

func (j job) Execute() { j() }

func TestEveryJobRunsBeforeCloseReturns(t *testing.T) {
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

// A goroutine at rest is reused; no more than eight rest; none is left.
func TestReuse(t *testing.T) {
	goleak.VerifyNone(t) // goroutines of the tests before may be about to end, and would be counted
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		var e executor.Executor
		for range 100 {
			e.Go(job(func() {}))
			synctest.Wait()
		}
		require.Equal(t, before+1, runtime.NumGoroutine())

		hold := make(chan struct{})
		for range 100 {
			e.Go(job(func() { <-hold }))
		}
		synctest.Wait()
		require.Equal(t, before+100, runtime.NumGoroutine())
		close(hold)
		synctest.Wait()
		require.Equal(t, before+8, runtime.NumGoroutine())

		e.Close()
		synctest.Wait()
		require.Equal(t, before, runtime.NumGoroutine())
	})
}

func TestGoexitTakesOnlyItsGoroutine(t *testing.T) {
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
	hold, done := make(chan struct{}), make(chan struct{})
	executor.Detach(func() { <-hold; close(done) })
	close(hold)
	<-done
}
