package otelx_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// reference prints TELEMETRY.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("\n## Attributes\n\n| attribute | type | unit | on | meaning |\n|---|---|---|---|---|\n")
	for _, a := range otelx.AttributeRows() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", a.Key, a.Kind, a.Unit, a.On, a.Description)
	}
	b.WriteString("\n## Metrics\n\n" + referenceMetrics + "\n| metric | instrument | unit | boundaries | attributes | meaning |\n|---|---|---|---|---|---|\n")
	for _, m := range otelx.MetricRows() {
		bounds := strings.Trim(fmt.Sprint(m.Boundaries), "[]")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | `%s` | %s |\n", m.Name, m.Kind, m.Unit, bounds, strings.Join(m.Attributes, "`, `"), m.Description)
	}
	return strings.ReplaceAll(b.String(), "'", "’")
}

const referenceHead = `# Telemetry reference

Made by "go test ./otelx -run TestReference -update" from the tables in attributes.go and metrics.go; the test compares it, and the
tables, with what is really emitted. Names are API: dashboards and alerts hang on them.

## Spans

Scopes, tasks, futures, shutdowns and processed items are spans of instrumentation scope
github.com/corral-go/corral/otelx; single operations are leaf spans of github.com/corral-go/corral/otelx/ops and never have
children. All are of kind internal. Names fall back to the first word alone.

| span | parent | links | when |
|---|---|---|---|
| scope {name} | span in ctx | | each Run |
| task {name} | the scope’s span; NewRoot and Background: none | the spawner’s span, if another; NewRoot and Background: the scope’s | each task that begins |
| future {name} | its maker’s span; none, if that has ended | its maker’s span, if that has ended; where the cancellation began (who sets one is not known: that takes no ctx) | when settled, from when it was made |
| await {name} | the span in ctx | the task or future that is awaited | Wait, WaitStarted, wait.Wait |
| put {queue}, get {queue} | the span in ctx | get: the span the item was put in | each Put, Get, TryPut, TryGet |
| process {queue} | the worker’s span; of a Background worker: none | the span the item was put in | each item of Queue.Process |
| acquire {primitive} | the span in ctx | whoever let it go on, if it waited and that is known | each acquire or wait of a primitive |
| shutdown {scope} | the scope’s span | | the graceful phase, told when the scope ends |

Whatever was cancelled says why (corral.cancel.*) and links to the span in which the cancellation began. The scope in which it began has
an event corral.cancel. A leaf whose caller’s span has ended is a root, linked to it.

Status: a failure is Error with the error’s text; a deadline, a panic and a Goexit are Error with error.type timeout, panic, goexit;
every other cancellation, also one for the failure of somebody else, is Unset. Never Ok.

After the leaf budget of a task (128, or WithLeafBudget), quick and successful operations of one kind on one object share a span
(corral.op.count); one that was blocked for a millisecond or failed has its own. The sum of corral.op.count, 1 where absent, is the number
of operations. Such a span is told when the task ends, or when the task works on more than four objects in turn.

The critical path (corral.critical.path) says what the end of a scope depended on, in order of time and without a gap: the body and the tasks by
their names, and a wait of which nobody knows who ended it by its kind and name. A sleep counts for who sleeps. With more than ten
steps those of one name are added up; what is left, and what is not known, is “…”.

## Log events

corral.task.exception: a failure or panic of a task or body, once, where it began; in the context of its span. ERROR for a panic and
for a failure that nobody handles, WARN for one that OnError or Supervise takes. If no logger is enabled it is an event of the span.
`

const referenceMetrics = `Always on, whatever the level and the sampling. No attribute holds an id. Of each instrument there are at most 1,000 attribute sets:
further names share _other (and their error types _OTHER); what has no name is _unnamed. Exemplars lead to spans.
`

func TestReference(t *testing.T) {
	testkit.Guard(t)
	if *update {
		require.NoError(t, os.WriteFile("TELEMETRY.md", []byte(reference()), 0o644))
	}
	page, err := os.ReadFile("TELEMETRY.md")
	require.NoError(t, err)
	require.Equal(t, reference(), string(page), "run go test ./otelx -run TestReference -update")
}

// everything makes each thing there is be emitted at least once.
func everything(ctx context.Context) {
	_ = workload(ctx)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		q := csync.NewQueue[int](500, csync.Name("many"))
		for i := range 300 {
			_ = q.Put(ctx, i)
		}
		return nil
	}, scope.Name("merging"))
	loop := otelx.LoopOf(ctx, "main")
	loop.Delay(ctx, time.Millisecond)
	loop.Saturation(ctx, 1)
	loop.Runnable(ctx, 1)
}

// What a trace is held to, elsewhere, is what the table has for spans.
func TestInvariantsKnowTheAttributes(t *testing.T) {
	testkit.Guard(t)
	var keys []string
	for _, row := range otelx.AttributeRows() {
		if row.On != "metrics" {
			keys = append(keys, row.Key)
		}
	}
	slices.Sort(keys)
	require.Equal(t, keys, invariant.Attributes)
}

// The tables are complete and hold nothing else: every span, event, log event
// and metric, with attributes, types, units and boundaries.
func TestTablesAreWhatIsEmitted(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, true, otelx.WithFunctionNames())
		lim := csync.NewCapacityLimiter(3, csync.Name("kept"))
		_ = lim.Acquire(ctx)
		q := csync.NewQueue[int](7, csync.Name("kept"))
		_ = q.Put(ctx, 1)
		everything(ctx)
		metrics := collect(t, r.reader)
		noLogs, r2 := record(t, false)
		_ = exceptions["a panic of a task, handled"].run(noLogs)
		runtime.KeepAlive(lim)
		runtime.KeepAlive(q)

		known := map[string]otelx.AttributeRow{}
		seen := map[string]map[string]bool{}
		for _, row := range otelx.AttributeRows() {
			require.NotContains(t, known, row.Key, "twice in the table")
			known[row.Key], seen[row.Key] = row, map[string]bool{}
		}
		look := func(on string, attrs []attribute.KeyValue) {
			for _, kv := range attrs {
				row, ok := known[string(kv.Key)]
				require.True(t, ok, "%s of %s is not in the table", kv.Key, on)
				require.Equal(t, row.Kind, typeName(kv.Value.Type()), kv.Key)
				seen[row.Key][on] = true
			}
		}
		for _, s := range append(r.spans(), r2.spans()...) {
			kind, _, _ := strings.Cut(s.Name(), " ")
			look(kind, s.Attributes())
			for _, e := range s.Events() {
				look(e.Name, e.Attributes)
			}
		}
		for _, l := range r.logs.all() {
			look("log event", attrsOf(l))
		}
		for _, m := range otelx.MetricRows() {
			got, ok := metrics[m.Name]
			require.True(t, ok, "%s is in the table and was not emitted", m.Name)
			delete(metrics, m.Name)
			require.Equal(t, []string{m.Unit, m.Description}, []string{got.Unit, got.Description}, m.Name)
			kind, bounds, sets := shape(t, got)
			require.Equal(t, m.Kind, kind, m.Name)
			require.Equal(t, m.Boundaries, bounds, m.Name)
			used := map[string]bool{}
			for _, set := range sets {
				look("metrics", set.ToSlice())
				for _, kv := range set.ToSlice() {
					used[string(kv.Key)] = true
				}
			}
			for key := range used {
				require.Contains(t, m.Attributes, key, m.Name)
			}
			require.Len(t, used, len(m.Attributes), "%s: not every attribute of the table was emitted: %v", m.Name, used)
		}
		require.Empty(t, metrics, "not in the table")
		for key, on := range seen {
			require.NotEmpty(t, on, "%s is in the table and was not emitted", key)
			for where := range on {
				require.True(t, says(known[key].On, where), "%s is on %s, of which the table says %q", key, where, known[key].On)
			}
		}
	})
}

// says reports whether the table's column covers where an attribute was seen.
func says(column, where string) bool {
	switch where {
	case "scope", "task", "future", "shutdown", "process", "put", "get", "await", "acquire":
		if strings.Contains(column, "whatever") || strings.Contains(column, "composite") && (where == "put" || where == "get" || where == "await") {
			return true
		}
	case "corral.task.exception":
		where = "log event"
	}
	return slices.ContainsFunc(strings.FieldsFunc(column, func(r rune) bool { return r == ',' || r == ';' }), func(part string) bool {
		return strings.Contains(part, where)
	})
}

func typeName(t attribute.Type) string {
	return map[attribute.Type]string{
		attribute.STRING: "string", attribute.INT64: "int", attribute.FLOAT64: "double", attribute.BOOL: "boolean", attribute.STRINGSLICE: "string[]",
	}[t]
}

func shape(t *testing.T, m metricdata.Metrics) (kind string, bounds []float64, sets []attribute.Set) {
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			bounds, sets = p.Bounds, append(sets, p.Attributes)
		}
		return "histogram", bounds, sets
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			sets = append(sets, p.Attributes)
		}
		return "gauge", nil, sets
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			sets = append(sets, p.Attributes)
		}
		if data.IsMonotonic {
			return "counter", nil, sets
		}
		return "observable updowncounter", nil, sets
	}
	t.Fatalf("%s is a %T", m.Name, m.Data)
	return "", nil, nil
}

// The constants that the reference and the package comment quote.
func TestQuotedConstants(t *testing.T) {
	testkit.Guard(t)
	require.Equal(t, []any{1000, "_other", "_unnamed"}, []any{otelx.MaxSets, otelx.Others, otelx.Unnamed})
}
