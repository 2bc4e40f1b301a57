package scope

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/corral-go/corral/internal/capture"
	"github.com/corral-go/corral/internal/executor"
	"github.com/corral-go/corral/internal/park"
)

// Checkpoint returns the cancellation of ctx, or lets other goroutines run and
// returns nil. A long computation calls it now and then. It is Trio's
// checkpoint.
func Checkpoint(ctx context.Context) error {
	mustHave(ctx, "Checkpoint")
	if err := park.Enter(ctx); err != nil {
		return err
	}
	park.Pass()
	park.Yield()
	return park.Check(ctx)
}

// Sleep waits for d, or until ctx is cancelled, and then returns why. With a d
// that is not positive it is a [Checkpoint].
func Sleep(ctx context.Context, d time.Duration) error {
	mustHave(ctx, "Sleep")
	if d <= 0 {
		return Checkpoint(ctx)
	}
	return park.Sleep(ctx, d, sleeping{})
}

// SleepUntil is [Sleep] with a point in time.
func SleepUntil(ctx context.Context, t time.Time) error {
	return Sleep(ctx, time.Until(t))
}

// mustHave refuses a nil ctx.
func mustHave(ctx context.Context, call string) {
	if ctx == nil {
		panic("scope: " + call + " with a nil ctx: pass the ctx of the scope or task that waits")
	}
}

type sleeping struct{}

func (sleeping) Awaited(park.Look) park.Mark { return park.Mark{Kind: "sleep"} }

// BlockingOption shapes a call of Blocking. A nil one is ignored.
type BlockingOption interface{ applyBlocking() }

type abandonOption struct{ cleanup func() }

func (abandonOption) applyBlocking() {}

// Abandon lets [Blocking] return when ctx is cancelled although fn still runs:
// fn goes on, on a goroutine that nobody waits for, and its result is dropped.
// When it has ended, cleanup (may be nil) is called on that goroutine, to free
// what fn has made. A panic of an abandoned fn, or of cleanup, is logged with
// slog.
func Abandon(cleanup func()) BlockingOption { return abandonOption{cleanup} }

// Blocking calls fn, which blocks in a way that no ctx can end (a system call,
// a C library), and shows that in the live tree. If ctx is cancelled before,
// fn is not called. Once it runs it is waited for, cancelled or not, and its
// result is returned, unless [Abandon] says otherwise. A panic of fn is raised
// on the caller's goroutine. It panics if ctx or fn is nil. It is Trio's
// to_thread.run_sync.
func Blocking[T any](ctx context.Context, fn func() (T, error), opts ...BlockingOption) (T, error) {
	if ctx == nil || fn == nil {
		panic("scope: Blocking with a nil ctx or function: pass both")
	}
	b := &blocking{}
	var v T
	b.job = func(context.Context) (err error) {
		v, err = fn()
		return err
	}
	for _, o := range opts {
		if o, ok := o.(abandonOption); ok {
			b.abandon, b.cleanup = true, o.cleanup
		}
	}
	err := b.run(ctx)
	if b.dropped {
		return *new(T), err // fn may still be writing v
	}
	return v, err
}

// blocking is one call of Blocking that runs on a goroutine of its own.
type blocking struct {
	job     capture.Func
	abandon bool
	cleanup func()

	mu      sync.Mutex // guards the rest
	line    park.Line
	out     *capture.Outcome
	dropped bool
}

func (b *blocking) run(ctx context.Context) error {
	if err := park.Enter(ctx); err != nil {
		b.dropped = true
		return err
	}
	switch {
	case b.abandon:
		executor.Detach(func() { capture.Do(ctx, b.job, b) })
		if err := b.await(ctx); err != nil {
			return err
		}
	case park.Current() != nil: // on a host's thread, which is not to be blocked
		b.aside(ctx)
	default:
		defer park.MarkOnly(ctx, blockingMark{})()
		return b.job(ctx)
	}
	switch {
	case b.out.Panic != nil:
		panic(panicError(b.out.Panic, ""))
	case b.out.Goexit:
		return ErrGoexit
	}
	return b.out.Err
}

// await waits for the outcome, or until ctx is cancelled, and then gives the
// call up.
func (b *blocking) await(ctx context.Context) error {
	b.mu.Lock()
	if b.out != nil {
		b.mu.Unlock()
		return nil
	}
	var t park.Ticket
	err := park.Wait(ctx, &b.mu, &b.line, &t, blockingMark{})
	if err == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped = b.out == nil; b.dropped {
		return err
	}
	return nil
}

// aside runs the call on a goroutine and waits for it, which nothing ends.
func (b *blocking) aside(ctx context.Context) {
	p := park.PlaceOf(ctx)
	if p == nil {
		executor.Detach(b.Execute)
	} else {
		scopeOf(p).exec.Aside(b)
	}
	b.mu.Lock()
	if b.out != nil {
		b.mu.Unlock()
		return
	}
	var t park.Ticket
	park.Join(p, &b.mu, &b.line, &t, blockingMark{})
}

// Execute makes the call.
func (b *blocking) Execute() { capture.Do(context.Background(), b.job, b) }

// End hands the outcome to the caller, or cleans up if that has gone.
func (b *blocking) End(out capture.Outcome) {
	b.mu.Lock()
	b.out = &out
	b.line.ServeAll()
	dropped := b.dropped
	b.mu.Unlock()
	if !dropped {
		return
	}
	logPanic(out)
	if b.cleanup != nil {
		logPanic(capture.Call(context.Background(), capture.Func(func(context.Context) error {
			b.cleanup()
			return nil
		})))
	}
}

func logPanic(out capture.Outcome) {
	if out.Panic != nil {
		slog.Error("scope: panic in an abandoned blocking call", "panic", out.Panic.Value, "stack", string(out.Panic.Stack))
	}
}

type blockingMark struct{}

func (blockingMark) Awaited(park.Look) park.Mark { return park.Mark{Kind: "blocking"} }
