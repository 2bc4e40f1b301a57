package testkit_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/task"
	"github.com/corral-go/corral/testkit"
)

// These are planted, too: what a guard and a recorder find when a test ends.
func init() {
	maps.Copy(planted, map[string]plantedTest{
		"goroutine": {func(t *testing.T) {
			testkit.Guard(t)
			leakOnPurpose(make(chan struct{}))
		}, []string{
			"testkit: the test left something behind", "a goroutine that has not ended", "started by", "testkit_test.leakOnPurpose", "guard_test.go",
			"stuck in", "chan receive",
		}},
		"stray": {func(t *testing.T) {
			testkit.Guard(t)
			_ = scope.Run(bg, func(ctx context.Context) error {
				scope.Go(ctx, func(context.Context) error { leakOnPurpose(make(chan struct{})); return nil }, scope.Name("careless"))
				return nil
			}, scope.Name("request"))
		}, []string{"started with a bare go statement inside scope request, and has outlived it", "started by", "testkit_test.leakOnPurpose", "guard_test.go"}},
		"open": {func(t *testing.T) {
			testkit.Guard(t)
			parked := make(chan struct{})
			go func() {
				_ = scope.Run(bg, func(ctx context.Context) error {
					var f task.Future[int]
					c := scope.Go(ctx, func(ctx context.Context) error {
						close(parked)
						_, err := f.Wait(ctx)
						return err
					}, scope.Name("asker"))
					return c.Wait(ctx)
				}, scope.Name("forgotten"))
			}()
			<-parked
		}, []string{
			"scopes that are still open", "scope forgotten (open)", "run at", "planted_test.go", "task asker (running)", "spawned at",
			"a task that has not ended, of scope forgotten", "the body of scope forgotten, which has not ended",
		}},
		"dropped": {func(t *testing.T) {
			testkit.Guard(t)
			dropFuture("answer")
		}, []string{`future "answer" was dropped without a result`, "made at", "guard_test.go", "dropFuture"}},
		"unended": {func(t *testing.T) {
			r := testkit.NewRecorder(t)
			_ = scope.Run(r.Context(bg), func(ctx context.Context) error {
				_, _ = tracer(ctx).Start(ctx, "by hand")
				return nil
			}, scope.Name("s"))
		}, []string{"testkit: the trace of the test is broken", `span "by hand" was never ended`, "scope s"}},
		"orphan": {func(t *testing.T) {
			r := testkit.NewRecorder(t)
			_ = scope.Run(r.Context(bg), func(ctx context.Context) error {
				stranger := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})
				_, span := tracer(ctx).Start(trace.ContextWithSpanContext(ctx, stranger), "lost child")
				span.End()
				return nil
			}, scope.Name("s"))
		}, []string{`span "lost child" has a parent that was not recorded`}},
		"outlived": {func(t *testing.T) {
			r := testkit.NewRecorder(t)
			var span trace.Span
			_ = scope.Run(r.Context(bg), func(ctx context.Context) error {
				_, span = tracer(ctx).Start(ctx, "goes on")
				return nil
			}, scope.Name("request"))
			span.End()
		}, []string{`span "scope request" has ended, and was outlived by its children: "goes on"`}},
		"crossed locks": {func(t *testing.T) {
			testkit.Schedules(t, 1, func(_ *testing.T, ctx context.Context) error {
				l := csync.NewLock(csync.Name("left"))
				r := csync.NewLock(csync.Name("right"))
				cross := func(a, b *csync.Lock) func(ctx context.Context) error {
					return func(ctx context.Context) error {
						return errors.Join(a.Acquire(ctx), scope.Sleep(ctx, time.Second), b.Acquire(ctx))
					}
				}
				scope.Go(ctx, cross(l, r), scope.Name("one"))
				scope.Go(ctx, cross(r, l), scope.Name("two"))
				return nil
			})
		}, []string{"testkit: deadlock", `bubble/one waits for lock.acquire "right", held by bubble/two`, "in a circle: bubble/one → bubble/two → bubble/one"}},
	})
}

// plantedTexts is what the planted tests have said; each runs once.
var plantedTexts = map[string]string{}

func plantedText(t *testing.T, name string) string {
	t.Helper()
	if plantedTexts[name] == "" {
		plantedTexts[name] = runPlanted(t, name)
	}
	return plantedTexts[name]
}

// rows says which planted test is an example of which row in the chapter's table.
var rows = map[string]string{
	"A goroutine was started and never ends":    "goroutine",
	"A bare `go` inside a scope outlives it":    "stray",
	"A scope is still open":                     "open",
	"A future that nobody sets":                 "dropped",
	"Two wait for each other":                   "circle",
	"A wake-up was lost":                        "lost",
	"A span was never ended":                    "unended",
	"A span outlives its parent":                "outlived",
	"A span's parent is missing":                "orphan",
	"An item is lost or is there twice":         "fault",
	"Cancellation is swallowed":                 "swallowed",
	"Cancellation is not noticed":               "deaf",
	"A loop that spins after cancellation":      "busy",
	"A goroutine outlives its bubble":           "left",
	"It fails under one schedule of a thousand": "schedule",
}

// What TESTING.md says one reads is what one reads: each quote of its table is in
// what a planted test says. X and Y stand for names, … for anything.
func TestChapterQuotesWhatIsSaid(t *testing.T) {
	if os.Getenv(plantedName) != "" {
		t.Skip("one is enough")
	}
	testkit.Guard(t)
	text, err := os.ReadFile("TESTING.md")
	require.NoError(t, err)
	seen := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 3 || !strings.HasPrefix(cells[0], "| ") || cells[1] == "what you read" {
			continue
		}
		row := strings.TrimPrefix(cells[0], "| ")
		name := rows[row]
		require.NotEmpty(t, name, "no planted test for the row %q", row)
		seen++
		quotes := quoted.FindAllStringSubmatch(cells[1], -1)
		require.NotEmpty(t, quotes, "the row %q quotes nothing", row)
		said := plantedText(t, name)
		for _, q := range quotes {
			pattern := regexp.QuoteMeta(q[1])
			pattern = anything.ReplaceAllString(pattern, `(?s:.*)`)
			pattern = aName.ReplaceAllString(pattern, `[^\n]+?`)
			require.Regexp(t, pattern, said, "the row %q", row)
		}
	}
	require.Equal(t, len(rows), seen)
}

var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	anything = regexp.MustCompile(`\s*…`)
	aName    = regexp.MustCompile(`\b[XY]\b`)
)
