package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	workiva "github.com/Workiva/go-datastructures/queue"
	"github.com/smallnest/chanx"
	"golang.design/x/chann"
	"golang.org/x/sync/semaphore"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// primitiveCases are the primitives of package sync beside what users would
// pick instead.
func primitiveCases() []group {
	return []group{
		{
			"unbounded queue", "pass 1024 items from one to another",
			[]int{1},
			append([]peer{
				{"channel of 1024, select", bareUnbounded},
				{"golang-design/chann", channUnbounded},
				{"smallnest/chanx", chanxUnbounded},
			}, everyWay("corral", corralUnbounded)...),
			[]target{
				{peer: "corral/off", of: "golang-design/chann", most: .2},
				{peer: "corral/off", of: "channel of 1024, select", most: .5},
			},
		},
		{
			"priority queue", "put n items, get them in order",
			[]int{1, 100, 1000},
			[]peer{
				{"Workiva/go-datastructures", workivaPriority},
				{"corral/off", inMode(off, corralPriority)},
			},
			nil,
		},
		{
			"lock", "acquire and release",
			[]int{1},
			append([]peer{
				{"x/sync/semaphore", weighted},
				{"channel of one, select", bareLock},
				{"sync.Mutex", bareMutex},
			}, everyWay("corral", corralLock)...),
			[]target{{peer: "corral/off", of: "x/sync/semaphore", most: 1}},
		},
		{
			"semaphore", "acquire and release",
			[]int{1},
			append([]peer{{"x/sync/semaphore", weighted}}, everyWay("corral", corralSemaphore)...),
			[]target{{peer: "corral/off", of: "x/sync/semaphore", most: 1}},
		},
		{
			"contended semaphore", "n tasks that acquire and release it 100 times each, and hand it over each time",
			[]int{4},
			[]peer{
				{"x/sync/semaphore", weightedContended},
				{"corral/off", inMode(off, corralContended)},
			},
			nil,
		},
		{
			"event", "from setting an event to the last of n waiters having gone on",
			[]int{1, 100, 10_000},
			[]peer{
				{"close a channel, select", bareEvent},
				{"corral/off", inMode(off, corralEvent)},
			},
			[]target{{peer: "corral/off", of: "close a channel, select", most: 1.05}},
		},
	}
}

func bareUnbounded(l loop, _ int) { bareQueue(1)(l, 1024) }

func corralUnbounded(ctx context.Context, l loop, _ int) { corralQueue(1)(ctx, l, 0) }

// pass sends and receives queueItems items in two goroutines.
func pass(send func(), receive func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for range queueItems {
			send()
		}
	})
	wg.Go(func() {
		for range queueItems {
			receive()
		}
	})
	wg.Wait()
}

func channUnbounded(l loop, _ int) {
	for l.Loop() {
		c := chann.New[int]()
		pass(func() { c.In() <- 1 }, func() { same(<-c.Out(), 1) })
		c.Close()
	}
}

func chanxUnbounded(l loop, _ int) {
	for l.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		c := chanx.NewUnboundedChan[int](ctx, 64)
		pass(func() { c.In <- 1 }, func() { same(<-c.Out, 1) })
		cancel()
	}
}

// scattered is a number that is the same for the same i, in no order.
func scattered(i int) int { return i * 7919 % 10_007 }

type workivaItem int

func (a workivaItem) Compare(b workiva.Item) int { return int(a) - int(b.(workivaItem)) }

func workivaPriority(l loop, n int) {
	for l.Loop() {
		q := workiva.NewPriorityQueue(n, true)
		for i := range n {
			must(q.Put(workivaItem(scattered(i))))
		}
		last := workivaItem(-1)
		for range n {
			items, err := q.Get(1)
			must(err)
			inOrder(int(last), int(items[0].(workivaItem)))
			last = items[0].(workivaItem)
		}
	}
}

func corralPriority(ctx context.Context, l loop, n int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		for l.Loop() {
			q := csync.NewPriorityQueue(0, func(a, b int) bool { return a < b })
			for i := range n {
				must(q.Put(ctx, scattered(i)))
			}
			last := -1
			for range n {
				v, err := q.Get(ctx)
				must(err)
				inOrder(last, v)
				last = v
			}
		}
		return nil
	}))
}

func inOrder(a, b int) {
	if a > b {
		panic("compare: out of order")
	}
}

func weighted(l loop, _ int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := semaphore.NewWeighted(1)
	for l.Loop() {
		must(s.Acquire(ctx, 1))
		s.Release(1)
	}
}

func bareLock(l loop, _ int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := make(chan int, 1)
	for l.Loop() {
		must(send(ctx, c, 1))
		<-c
	}
}

func bareMutex(l loop, _ int) {
	var mu sync.Mutex
	for l.Loop() {
		mu.Lock()
		mu.Unlock() //nolint:staticcheck // this is what is measured
	}
}

func corralLock(ctx context.Context, l loop, _ int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		lock := csync.NewLock()
		for l.Loop() {
			must(lock.Acquire(ctx))
			must(lock.Release(ctx))
		}
		return nil
	}))
}

func corralSemaphore(ctx context.Context, l loop, _ int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		s := csync.NewSemaphore(1)
		for l.Loop() {
			must(s.Acquire(ctx))
			must(s.Release())
		}
		return nil
	}))
}

// turns is how often each task of a contended case has it.
const turns = 100

func weightedContended(l loop, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.Loop() {
		s := semaphore.NewWeighted(1)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for range turns {
					must(s.Acquire(ctx, 1))
					runtime.Gosched()
					s.Release(1)
				}
			})
		}
		wg.Wait()
	}
}

func corralContended(ctx context.Context, l loop, n int) {
	for l.Loop() {
		s := csync.NewSemaphore(1)
		must(scope.Run(ctx, func(ctx context.Context) error {
			for range n {
				scope.Go(ctx, func(ctx context.Context) error {
					for range turns {
						if err := s.Acquire(ctx); err != nil {
							return err
						}
						runtime.Gosched()
						must(s.Release())
					}
					return nil
				})
			}
			return nil
		}))
	}
}

// wake has n waiters wait, and measures from calling set to the last of them
// having gone on. What they do after that is not measured.
func wake(l loop, n int, spawn func(func(ctx context.Context)), wait func(context.Context), set func()) {
	var ready, woken sync.WaitGroup
	hold := make(chan struct{})
	ready.Add(n)
	woken.Add(n)
	for range n {
		spawn(func(ctx context.Context) {
			ready.Done()
			wait(ctx)
			woken.Done()
			<-hold
		})
	}
	settle(&ready)
	time.Sleep(time.Millisecond + time.Duration(n)*time.Microsecond) // all of them wait by now
	l.StartTimer()
	set()
	woken.Wait()
	l.StopTimer()
	close(hold)
}

func bareEvent(l loop, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.Loop() {
		l.StopTimer()
		var wg sync.WaitGroup
		done := make(chan struct{})
		wake(l, n, func(f func(context.Context)) { wg.Go(func() { f(ctx) }) }, func(ctx context.Context) {
			select {
			case <-done:
			case <-ctx.Done():
			}
		}, func() { close(done) })
		wg.Wait()
		l.StartTimer()
	}
}

func corralEvent(ctx context.Context, l loop, n int) {
	for l.Loop() {
		l.StopTimer()
		must(scope.Run(ctx, func(ctx context.Context) error {
			var e csync.Event
			wake(l, n, func(f func(context.Context)) {
				scope.Go(ctx, func(ctx context.Context) error { f(ctx); return nil })
			}, func(ctx context.Context) { must(e.Wait(ctx)) }, e.Set)
			return nil
		}))
		l.StartTimer()
	}
}
