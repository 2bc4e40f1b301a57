package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

// hookFS calls open before it opens a file; an error is what Open returns.
type hookFS struct {
	fs.FS
	open func(name string) error
}

func (h hookFS) Open(name string) (fs.File, error) {
	if err := h.open(name); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return h.FS.Open(name)
}

// deny makes names unreadable: permissions would not stop a test run by root.
func deny(tree fs.FS, names ...string) fs.FS {
	return hookFS{tree, func(name string) error {
		for _, n := range names {
			if n == name {
				return fs.ErrPermission
			}
		}
		return nil
	}}
}

// manyFiles is a tree of n files, ten to a folder.
func manyFiles(n int) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := range n {
		tree[fmt.Sprintf("d%03d/f%d", i/10, i%10)] = &fstest.MapFile{Data: []byte(strings.Repeat("x", i))}
	}
	return tree
}

func TestEveryFileIsHashed(t *testing.T) {
	tree := manyFiles(300)
	tree["link"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("d000/f0")}
	var want report
	for name, f := range tree {
		if f.Mode.IsRegular() {
			want.add(result{name: name, size: int64(len(f.Data)), sum: sha256.Sum256(f.Data)})
		}
	}
	for _, workers := range []int{1, 8} {
		rep, err := (&pipeline{tree: tree, workers: workers}).run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if rep.files != 300 || rep.unread != 0 || rep.bytes != want.bytes || rep.interrupted {
			t.Errorf("%d workers: %+v", workers, rep)
		}
		if rep.fingerprint != want.fingerprint {
			t.Errorf("%d workers: another fingerprint", workers)
		}
		if len(rep.slowest) != keepSlowest {
			t.Errorf("%d workers: slowest %v", workers, rep.slowest)
		}
	}
}

func TestUnreadableIsReported(t *testing.T) {
	tree := deny(os.DirFS(smallTree(t, 30)), "d0/f3", "d1")
	rep, err := (&pipeline{tree: tree, workers: 4}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rep.files != 19 || rep.unread != 2 {
		t.Errorf("%d files and %d unreadable, want 19 and 2", rep.files, rep.unread)
	}
	var out strings.Builder
	rep.write(&out, "x", true)
	wantAll(t, out.String(), "NOT READ: 2\n", "  d0/f3: permission denied\n", "  d1: permission denied\n")
}

func TestStrictFailsOnUnreadable(t *testing.T) {
	for _, name := range []string{"d0/f3", "d1"} {
		tree := deny(os.DirFS(smallTree(t, 30)), name)
		rep, err := (&pipeline{tree: tree, workers: 4, strict: true}).run(t.Context())
		var failed *scope.Error
		if !errors.As(err, &failed) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v", name, err)
		}
		if code := exitCode(rep, err); code != exitFailed {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
}

func TestUnreadableRootFails(t *testing.T) {
	if _, err := (&pipeline{tree: deny(manyFiles(3), "."), workers: 1}).run(t.Context()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// TestBugIsNoUnreadableFile: what does not come from the file system fails the
// run, strict or not.
func TestBugIsNoUnreadableFile(t *testing.T) {
	defer func() {
		var p *scope.PanicError
		if err, ok := recover().(error); !ok || !errors.As(err, &p) || p.Value != "bug" || p.Task != "quickstart/hash/workers/file" {
			t.Errorf("recovered %v", err)
		}
	}()
	tree := hookFS{manyFiles(30), func(name string) error {
		if name == "d001/f7" {
			panic("bug")
		}
		return nil
	}}
	_, err := (&pipeline{tree: tree, workers: 4}).run(t.Context())
	t.Errorf("returned %v", err)
}

// slowFS has endless files, of which each block takes a while to read.
type slowFS struct {
	fs.FS
	block  time.Duration
	blocks int // of a file; 0: endless
}

func (s slowFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if _, dir := f.(fs.ReadDirFile); dir {
		return f, nil
	}
	return &slowFile{File: f, slowFS: s}, nil
}

type slowFile struct {
	fs.File
	slowFS
	n int
}

func (f *slowFile) Read(p []byte) (int, error) {
	if f.n++; f.blocks > 0 && f.n > f.blocks {
		return 0, io.EOF
	}
	time.Sleep(f.block)
	return len(p), nil
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipeline{tree: slowFS{FS: manyFiles(300), block: 300 * time.Millisecond}, workers: 3, timeout: time.Second}
		rep, err := p.run(t.Context())
		var cause *scope.CanceledError
		if !errors.As(err, &cause) || cause.Kind != scope.KindDeadline || cause.Scope != "quickstart" {
			t.Errorf("got %v", err)
		}
		if code := exitCode(rep, err); code != exitTimeout {
			t.Errorf("exit code %d", code)
		}
		if rep.took != 1200*time.Millisecond {
			t.Errorf("it took %v: want the second, and what was left of a block", rep.took)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { cancel(errors.New("enough")) })
		p := &pipeline{tree: slowFS{manyFiles(300), 3 * time.Second, 1}, workers: 2}
		rep, err := p.run(ctx)
		var cause *scope.CanceledError
		if !errors.As(err, &cause) || cause.Kind != scope.KindContext || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if rep.files != 6 || rep.took != 12*time.Second || rep.interrupted {
			t.Errorf("%d files in %v, want what two workers did in 9 s, and the end after 12 s", rep.files, rep.took)
		}
		if code := exitCode(rep, err); code != exitFailed {
			t.Errorf("exit code %d", code)
		}
	})
}

// TestCanceledWalkEnds: also where it puts nothing and so waits for nothing.
func TestCanceledWalkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := fstest.MapFS{}
		for i := range 100 {
			tree[fmt.Sprint("empty", i)] = &fstest.MapFile{Mode: fs.ModeDir}
		}
		slow := hookFS{tree, func(string) error {
			time.Sleep(time.Second)
			return nil
		}}
		rep, err := (&pipeline{tree: slow, workers: 1, timeout: 5500 * time.Millisecond}).run(t.Context())
		if exitCode(rep, err) != exitTimeout || rep.took > 7*time.Second {
			t.Errorf("it took %v and returned %v", rep.took, err)
		}
	})
}

// TestCanceledRunCountsWhatWasPut: a Put that was not cancelled is in the
// report, whenever the cancellation comes.
func TestCanceledRunCountsWhatWasPut(t *testing.T) {
	for i := range 100 {
		spans := newSpanTree()
		ctx, cancel := context.WithCancel(traced(t, spans))
		var opened atomic.Int64
		tree := hookFS{manyFiles(100), func(string) error {
			if opened.Add(1) == int64(i) {
				cancel()
			}
			return nil
		}}
		rep, _ := (&pipeline{tree: tree, workers: 8}).run(ctx)
		cancel()
		put := spans.top.child("scope quickstart").child("task hash").child("scope workers").child("task file").child("put results")
		if want := put.all.count - put.canceled; rep.files != want {
			t.Fatalf("cancelled at file %d: %d results were put, and %d counted", i, want, rep.files)
		}
	}
}

// TestShutdown: the first phase stops the walk and loses nothing of what was
// begun; the second cancels.
func TestShutdown(t *testing.T) {
	for _, c := range []struct {
		name  string
		grace time.Duration
		all   bool // that were found are hashed
	}{{"drain", time.Hour, true}, {"grace is over", 5 * time.Second, false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipeline{tree: slowFS{manyFiles(300), time.Second, 1}, workers: 2}
				var rep *report
				outer := scope.New(scope.Name("outer"))
				err := outer.Run(t.Context(), func(ctx context.Context) (err error) {
					time.AfterFunc(2500*time.Millisecond, func() { outer.Shutdown(errors.New("that will do"), c.grace) })
					rep, err = p.run(ctx)
					return err
				})
				if err != nil {
					t.Errorf("got %v", err)
				}
				if !rep.interrupted || exitCode(rep, err) != exitInterrupted {
					t.Errorf("interrupted: %v, exit code %d", rep.interrupted, exitCode(rep, err))
				}
				found := int(p.found.Load())
				if found > 80 {
					t.Errorf("the walk went on: %d files", found)
				}
				if all := rep.files == found; all != c.all {
					t.Errorf("%d of %d files", rep.files, found)
				}
			})
		})
	}
}

// TestSignals sends real ones to this process.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt itself here")
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, twice := range []bool{false, true} {
		t.Run(fmt.Sprintf("twice=%v", twice), func(t *testing.T) {
			opened, release := make(chan struct{}, 300), make(chan struct{})
			tree := hookFS{manyFiles(300), func(name string) error {
				if strings.Contains(name, "/") {
					opened <- struct{}{}
					<-release
				}
				return nil
			}}
			p := &pipeline{tree: tree, workers: 2, grace: time.Hour}
			p.show = func(ctx context.Context) error {
				for range p.workers {
					<-opened
				}
				_ = self.Signal(os.Interrupt)
				<-scope.Stopping(ctx)
				if twice {
					_ = self.Signal(os.Interrupt)
					for !isCanceled(scope.From(ctx).Snapshot(), "workers") {
						runtime.Gosched() // a cancellation reaches one after the other
					}
				}
				close(release)
				return nil
			}
			rep, err := p.run(t.Context())
			if err != nil || !rep.interrupted || exitCode(rep, err) != exitInterrupted {
				t.Errorf("interrupted: %v, error %v", rep.interrupted, err)
			}
			found := int(p.found.Load())
			if twice && rep.files != 0 || !twice && rep.files != found || found > 80 {
				t.Errorf("%d of %d files", rep.files, found)
			}
		})
	}
}

// isCanceled looks for a scope in the live tree.
func isCanceled(s scope.Snapshot, name string) bool {
	if s.Name == name {
		return s.Cause != nil
	}
	for _, task := range s.Tasks {
		s.Scopes = append(s.Scopes, task.Scopes...)
	}
	return slices.ContainsFunc(s.Scopes, func(inner scope.Snapshot) bool { return isCanceled(inner, name) })
}

// traced returns a ctx whose spans go to the processor.
func traced(t *testing.T, to sdktrace.SpanProcessor) context.Context {
	t.Helper()
	inst, err := otelx.New(otelx.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(to))))
	if err != nil {
		t.Fatal(err)
	}
	return otelx.NewContext(t.Context(), inst)
}

// TestSpansCoverEveryOperation: what the tree counts is what was done.
func TestSpansCoverEveryOperation(t *testing.T) {
	tree := newSpanTree()
	rep, err := (&pipeline{tree: deny(manyFiles(300), "d001/f5"), workers: 4}).run(traced(t, tree))
	if err != nil {
		t.Fatal(err)
	}
	if !rep.trace.IsValid() {
		t.Error("the report does not know its trace")
	}
	got := map[string]string{}
	var visit func(n *node, path string)
	visit = func(n *node, path string) {
		for _, c := range n.children {
			got[path+c.name] = fmt.Sprint(c.all.count, " ", c.failed)
			visit(c, path+c.name+"/")
		}
	}
	visit(&tree.top, "")
	want := map[string]string{ // operations, failures
		"scope quickstart":                                               "1 0",
		"scope quickstart/get results":                                   "301 0",
		"scope quickstart/task walk":                                     "1 0",
		"scope quickstart/task walk/put files":                           "300 0",
		"scope quickstart/task hash":                                     "1 0",
		"scope quickstart/task hash/scope workers":                       "1 0",
		"scope quickstart/task hash/scope workers/get files":             "301 0",
		"scope quickstart/task hash/scope workers/task file":             "300 1",
		"scope quickstart/task hash/scope workers/task file/put results": "300 0",
	}
	for path, w := range want {
		if got[path] != w {
			t.Errorf("%s: %q, want %q", path, got[path], w)
		}
	}
	if len(got) != len(want) || len(tree.open) != 0 {
		t.Errorf("%d lines, want %d; %d spans did not end: %v", len(got), len(want), len(tree.open), got)
	}
}
