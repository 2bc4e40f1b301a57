// Quickstart hashes every file of a directory tree, with tasks and bounded
// queues, and then tells what it did: the slowest files, the tree of spans, and
// what it waited for.
//
//	go run ./examples/quickstart [flags] [dir]
//
// Without dir it takes the source of the Go installation. Read pipeline.go: all
// the concurrency is there. Stop it with Ctrl-C: the first finishes what was
// begun, the second cancels at once. It exits with 0, 1 (something failed), 2
// (wrong usage), 124 (out of time) or 130 (interrupted).
//
// The example is part of the root module, so that one command runs it; that is
// why otlp.go sends spans with net/http rather than with an exporter module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitTimeout     = 124
	exitInterrupted = 130
)

func main() {
	os.Exit(start(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// config is the command line.
type config struct {
	dir     string
	workers int
	timeout time.Duration
	strict  bool
	otlp    string // the address to post to, or ""
}

// start is main with everything it touches.
func start(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // parse has said what is wrong
	}
	if cfg.dir == "" {
		cfg.dir = goSource(ctx)
	}
	if info, err := os.Stat(cfg.dir); err != nil {
		return fail(stderr, err)
	} else if !info.IsDir() {
		return fail(stderr, fmt.Errorf("%s is not a directory", cfg.dir))
	}

	spans := newSpanSink(cfg.otlp)
	inst, err := otelx.New(otelx.WithTracerProvider(spans.provider))
	if err != nil {
		return fail(stderr, err)
	}
	p := &pipeline{tree: os.DirFS(cfg.dir), workers: cfg.workers, strict: cfg.strict, timeout: cfg.timeout, grace: 10 * time.Second}
	if isTerminal(stderr) {
		p.show = p.showOn(stderr)
	}
	rep, err := p.run(otelx.NewContext(ctx, inst))
	code := exitCode(rep, err)

	rep.write(stdout, cfg.dir, code == exitOK)
	told := spans.close(stdout, rep)
	switch {
	case err != nil:
		_ = fail(stderr, err)
	case code == exitInterrupted:
		_ = fail(stderr, errors.New("interrupted"))
	}
	if told != nil {
		return max(code, fail(stderr, told))
	}
	return code
}

func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "quickstart: %v\n", err)
	return exitFailed
}

// exitCode sorts the ends of a run. A failure outranks what came of it.
func exitCode(rep *report, err error) int {
	var failed *scope.Error
	switch {
	case errors.As(err, &failed):
		return exitFailed
	case rep.interrupted:
		return exitInterrupted // err may be nil: what was begun was finished
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case err != nil:
		return exitFailed
	}
	return exitOK
}

func parse(args []string, stderr io.Writer) (cfg config, err error) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: quickstart [flags] [dir]\n\nIt hashes every file below dir (default: the source of Go), and tells what it did.\n\n")
		flags.PrintDefaults()
	}
	flags.IntVar(&cfg.workers, "workers", runtime.GOMAXPROCS(0), "hash at most `n` files at once")
	flags.DurationVar(&cfg.timeout, "timeout", 0, "cancel the run after this `time`, such as 500ms; 0: never")
	flags.BoolVar(&cfg.strict, "strict", false, "a file that cannot be read fails the run")
	otlp := flags.String("otlp", "", "send the spans to a collector at `host:port` (OTLP over HTTP), in place of printing them")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	switch {
	case flags.NArg() > 1:
		err = errors.New("more than one directory")
	case cfg.workers < 1:
		err = errors.New("-workers must be at least 1")
	case cfg.timeout < 0:
		err = errors.New("-timeout must not be negative")
	case *otlp != "":
		cfg.otlp, err = otlpURL(*otlp)
	}
	if err != nil {
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		flags.Usage()
	}
	cfg.dir = flags.Arg(0)
	return cfg, err
}

// goSource is where the source of Go is, or else the current directory.
func goSource(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err == nil {
		dir := filepath.Join(strings.TrimSpace(string(root)), "src")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return "."
}

// A spanSink is where the spans go: into a tree that is printed, or to a
// collector.
type spanSink struct {
	provider *sdktrace.TracerProvider
	tree     *spanTree
	exporter *otlpExporter
}

func newSpanSink(url string) *spanSink {
	s := &spanSink{}
	var processor sdktrace.SpanProcessor
	if url == "" {
		s.tree = newSpanTree()
		processor = s.tree
	} else {
		s.exporter = newOTLPExporter(url, 10*time.Second)
		// Blocking: a full queue holds the run back, the default would drop spans.
		processor = sdktrace.NewBatchSpanProcessor(s.exporter, sdktrace.WithBlocking())
	}
	s.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "corral-quickstart"))),
		sdktrace.WithSpanProcessor(processor),
	)
	return s
}

// close prints the spans, or where they went; its error says why they did not
// arrive.
func (s *spanSink) close(w io.Writer, rep *report) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := s.provider.Shutdown(ctx)
	if s.tree != nil {
		s.tree.write(w, 40)
		writeWaits(w, s.tree.waits(8))
		return err
	}
	sent, lost, failure := s.exporter.outcome()
	fmt.Fprintf(w, "\n%s spans sent to %s, trace %s\n", thousands(int64(sent)), s.exporter.url, rep.trace)
	if failure != nil {
		return fmt.Errorf("%s spans lost: %w", thousands(int64(lost)), failure)
	}
	return err
}
