package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

// A pipeline hashes every file of a tree, in three stages with a bounded queue
// between each two: a slow stage holds the one before it back, and memory does
// not grow with the tree.
//
//	walk ──files──▶ hash, a task for each file ──results──▶ count
type pipeline struct {
	tree    fs.FS
	workers int                             // files hashed at once
	strict  bool                            // a file that cannot be read fails the run
	timeout time.Duration                   // not positive: none
	grace   time.Duration                   // how long a first Ctrl-C waits for files on their way; 0: signals are left alone
	show    func(ctx context.Context) error // nil, or a task that shows the progress

	progress
}

// backlog is how many items wait between two stages.
const backlog = 64

type (
	fileQueue   = csync.Queue[string]
	resultQueue = csync.Queue[result]
)

// run returns when every task has ended, however it ends: done, failed, out of
// time or interrupted. There is a report in each case.
func (p *pipeline) run(ctx context.Context) (*report, error) {
	files := csync.NewQueue[string](backlog, csync.Name("files"))
	results := csync.NewQueue[result](backlog, csync.Name("results"))
	rep := &report{began: time.Now(), workers: p.workers}

	err := scope.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, func(ctx context.Context) error {
			defer files.Close() // tells the next stage that there is no more
			return p.walk(ctx, files, results)
		}, scope.Name("walk"))

		scope.Go(ctx, func(ctx context.Context) error {
			defer results.Close()
			return p.hash(ctx, files, results)
		}, scope.Name("hash"))

		if p.show != nil {
			// Background: it is cancelled when all else has ended.
			scope.Go(ctx, p.show, scope.Name("progress"), scope.Background())
		}

		defer func() { rep.interrupted = isClosed(scope.Stopping(ctx)) }()
		rep.trace = trace.SpanContextFromContext(ctx).TraceID()
		return each(ctx, results, func(r result) {
			rep.add(r)
			p.progress.add(r)
		})
	}, scope.Name("quickstart"), p.deadline(), p.signals())

	// A run that was cancelled may leave results behind that nobody has counted.
	for _, r := range results.CloseNow() {
		rep.add(r)
	}
	rep.took = time.Since(rep.began)
	return rep, err
}

func (p *pipeline) deadline() scope.Option {
	if p.timeout <= 0 {
		return nil // a nil option is ignored
	}
	return scope.Timeout(p.timeout)
}

// signals makes the first Ctrl-C close [scope.Stopping] and the second cancel.
func (p *pipeline) signals() scope.Option {
	if p.grace <= 0 {
		return nil
	}
	return scope.Signals(p.grace)
}

// walk puts the name of every regular file into files. When that is full, Put
// waits: the walk never gets far ahead of the hashing.
func (p *pipeline) walk(ctx context.Context, files *fileQueue, results *resultQueue) error {
	stopping := scope.Stopping(ctx)
	return fs.WalkDir(p.tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isClosed(stopping):
			return fs.SkipAll // no new files; those on their way are finished
		case err != nil && (p.strict || name == "."):
			return err
		case err != nil:
			return results.Put(ctx, result{name: name, err: err})
		case d.Type().IsRegular():
			p.found.Add(1)
			return files.Put(ctx, name)
		}
		return nil
	})
}

// hash runs a task for each file, in a scope that lets no more than workers of
// them run at once: Go waits for a turn.
func (p *pipeline) hash(ctx context.Context, files *fileQueue, results *resultQueue) error {
	return scope.Run(ctx, func(ctx context.Context) error {
		return each(ctx, files, func(name string) {
			scope.Go(ctx, func(ctx context.Context) error {
				r, err := p.hashFile(ctx, name)
				if err != nil {
					return err
				}
				return results.Put(ctx, r)
			}, scope.Name("file"), p.onUnreadable(name, results))
		})
	}, scope.Name("workers"), scope.Limit(p.workers))
}

// onUnreadable turns a file that cannot be read into a result, so that the
// others go on. Anything else, or a strict run, fails: the scope then cancels
// the rest, and Run says which task failed and why.
func (p *pipeline) onUnreadable(name string, results *resultQueue) scope.TaskOption {
	return scope.OnError(func(ctx context.Context, err error) bool {
		trace.SpanFromContext(ctx).SetStatus(codes.Error, err.Error())
		var unreadable *fs.PathError
		if p.strict || !errors.As(err, &unreadable) {
			return false
		}
		_ = results.Put(ctx, result{name: name, err: err}) // it fails only when the run is cancelled, and over
		return true
	})
}

// hashFile hashes one file. The span in ctx is that of the task: what is added
// to it tells in a trace which file this was.
func (p *pipeline) hashFile(ctx context.Context, name string) (result, error) {
	r := result{name: name}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("file.path", name))
	began := time.Now()
	f, err := p.tree.Open(name)
	if err != nil {
		return r, err
	}
	defer f.Close()

	h := sha256.New()
	r.size, err = io.Copy(h, cancelableReader{ctx, f})
	if err != nil {
		return r, err
	}
	h.Sum(r.sum[:0])
	r.took = time.Since(began)
	span.SetAttributes(attribute.Int64("file.size", r.size))
	return r, nil
}

// cancelableReader ends a long file at the next block when ctx is cancelled: a
// read itself cannot be.
type cancelableReader struct {
	ctx context.Context
	io.Reader
}

func (r cancelableReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// each calls fn with every item of q until q is closed and empty.
func each[T any](ctx context.Context, q *csync.Queue[T], fn func(T)) error {
	for {
		item, err := q.Get(ctx)
		if errors.Is(err, csync.ErrQueueClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		fn(item)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
