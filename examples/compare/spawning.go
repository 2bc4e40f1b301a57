package main

import (
	"context"
	"runtime"
	"sync"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/task"
)

func nothing(context.Context) error { return nil }

func one(context.Context) (int, error) { return 1, nil }

// deep uses 8 KiB of stack: a fresh goroutine has to grow, twice.
func deep(context.Context) error {
	var frame [8 << 10]byte
	fill(frame[:])
	return nil
}

//go:noinline
func fill(b []byte) {
	for i := 0; i < len(b); i += 256 {
		b[i] = byte(i)
	}
}

// must is for errors that would make a measurement worthless.
func must(err error) {
	if err != nil {
		panic("compare: " + err.Error())
	}
}

func same(got, want int) {
	if got != want {
		panic("compare: a result is missing")
	}
}

func bareRun(l loop, n int, f func(context.Context) error) {
	ctx := context.Background()
	for l.Loop() {
		var wg sync.WaitGroup
		for range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_ = f(ctx)
			}()
		}
		wg.Wait()
	}
}

func errgroupRun(l loop, n int, f func(context.Context) error) {
	for l.Loop() {
		g, ctx := errgroup.WithContext(context.Background())
		for range n {
			g.Go(func() error { return f(ctx) })
		}
		must(g.Wait())
	}
}

func poolRun(l loop, n int, f func(context.Context) error) {
	for l.Loop() {
		p := pool.New().WithContext(context.Background())
		for range n {
			p.Go(f)
		}
		must(p.Wait())
	}
}

func corralRun(ctx context.Context, l loop, n int, f func(context.Context) error) {
	for l.Loop() {
		must(scope.Run(ctx, func(ctx context.Context) error {
			for range n {
				scope.Go(ctx, f)
			}
			return nil
		}))
	}
}

func bareJoin(l loop, n int)     { bareRun(l, n, nothing) }
func errgroupJoin(l loop, n int) { errgroupRun(l, n, nothing) }
func poolJoin(l loop, n int)     { poolRun(l, n, nothing) }
func bareDeep(l loop, n int)     { bareRun(l, n, deep) }
func errgroupDeep(l loop, n int) { errgroupRun(l, n, deep) }
func poolDeep(l loop, n int)     { poolRun(l, n, deep) }

func corralJoin(ctx context.Context, l loop, n int) { corralRun(ctx, l, n, nothing) }
func corralDeep(ctx context.Context, l loop, n int) { corralRun(ctx, l, n, deep) }

func concJoin(l loop, n int) {
	ctx := context.Background()
	for l.Loop() {
		var wg conc.WaitGroup
		for range n {
			wg.Go(func() { _ = nothing(ctx) })
		}
		wg.Wait()
	}
}

func bareTyped(l loop, n int) {
	ctx := context.Background()
	for l.Loop() {
		var wg sync.WaitGroup
		results := make([]int, n)
		for i := range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				results[i], _ = one(ctx)
			}()
		}
		wg.Wait()
		same(sum(results), n)
	}
}

func errgroupTyped(l loop, n int) {
	for l.Loop() {
		g, ctx := errgroup.WithContext(context.Background())
		results := make([]int, n)
		for i := range n {
			g.Go(func() (err error) {
				results[i], err = one(ctx)
				return err
			})
		}
		must(g.Wait())
		same(sum(results), n)
	}
}

func poolTyped(l loop, n int) {
	for l.Loop() {
		p := pool.NewWithResults[int]().WithContext(context.Background())
		for range n {
			p.Go(one)
		}
		results, err := p.Wait()
		must(err)
		same(sum(results), n)
	}
}

func corralTyped(ctx context.Context, l loop, n int) {
	for l.Loop() {
		tasks := make([]*task.Task[int], n)
		must(scope.Run(ctx, func(ctx context.Context) error {
			for i := range n {
				tasks[i] = task.Go(ctx, one)
			}
			return nil
		}))
		total := 0
		for _, t := range tasks {
			v, err := t.Result()
			must(err)
			total += v
		}
		same(total, n)
	}
}

func sum(values []int) (total int) {
	for _, v := range values {
		total += v
	}
	return total
}

func bareSingle(l loop, _ int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.Loop() {
		result := make(chan int, 1)
		go func() {
			v, _ := one(ctx)
			result <- v
		}()
		select {
		case v := <-result:
			same(v, 1)
		case <-ctx.Done():
		}
	}
}

func corralSingle(ctx context.Context, l loop, _ int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		for l.Loop() {
			v, err := task.Go(ctx, one).Wait(ctx)
			must(err)
			same(v, 1)
		}
		return nil
	}))
}

// bareDeepSingle and corralDeepSingle are what reuse of goroutines is for: the
// next task finds a stack that has grown.
func bareDeepSingle(l loop, _ int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.Loop() {
		result := make(chan error, 1)
		go func() { result <- deep(ctx) }()
		select {
		case err := <-result:
			must(err)
		case <-ctx.Done():
		}
	}
}

func corralDeepSingle(ctx context.Context, l loop, _ int) {
	must(scope.Run(ctx, func(ctx context.Context) error {
		for l.Loop() {
			must(scope.Go(ctx, deep).Wait(ctx))
		}
		return nil
	}))
}

// settle lets goroutines that have said they are about to park do so.
func settle(ready *sync.WaitGroup) {
	ready.Wait()
	for range 100 {
		runtime.Gosched()
	}
}

func bareCancel(l loop, n int) {
	for l.Loop() {
		l.StopTimer()
		ctx, cancel := context.WithCancel(context.Background())
		var ready, wg sync.WaitGroup
		ready.Add(n)
		for range n {
			wg.Add(1)
			go func() {
				defer wg.Done()
				ready.Done()
				_ = selectDone(ctx)
			}()
		}
		settle(&ready)
		l.StartTimer()
		cancel()
		wg.Wait()
	}
}

// selectDone waits as everybody does by hand: for something, or for ctx.
func selectDone(ctx context.Context) error {
	select {
	case <-never:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var never chan struct{}

func errgroupCancel(l loop, n int) {
	for l.Loop() {
		l.StopTimer()
		ctx, cancel := context.WithCancel(context.Background())
		g, ctx := errgroup.WithContext(ctx)
		var ready sync.WaitGroup
		ready.Add(n)
		for range n {
			g.Go(func() error {
				ready.Done()
				return selectDone(ctx)
			})
		}
		settle(&ready)
		l.StartTimer()
		cancel()
		_ = g.Wait()
	}
}

func corralCancelSelect(ctx context.Context, l loop, n int) {
	corralCancel(ctx, l, n, selectDone)
}

func corralCancelSleep(ctx context.Context, l loop, n int) {
	corralCancel(ctx, l, n, func(ctx context.Context) error { return scope.Sleep(ctx, 1<<60) })
}

func corralCancel(ctx context.Context, l loop, n int, park func(context.Context) error) {
	for l.Loop() {
		l.StopTimer()
		var ready sync.WaitGroup
		ready.Add(n)
		s := scope.New()
		must(s.Run(ctx, func(ctx context.Context) error {
			for range n {
				scope.Go(ctx, func(ctx context.Context) error {
					ready.Done()
					return park(ctx)
				})
			}
			settle(&ready)
			l.StartTimer()
			s.Cancel(nil)
			return nil
		}))
	}
}

func bareNested(l loop, n int) {
	for l.Loop() {
		nestContexts(context.Background(), n)
	}
}

func nestContexts(ctx context.Context, n int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if n > 1 {
		nestContexts(ctx, n-1)
	}
}

func corralNested(ctx context.Context, l loop, n int) {
	for l.Loop() {
		must(nestScopes(ctx, n))
	}
}

func nestScopes(ctx context.Context, n int) error {
	return scope.Run(ctx, func(ctx context.Context) error {
		if n > 1 {
			return nestScopes(ctx, n-1)
		}
		return nil
	})
}
