package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/otelx"
)

// TestSpansArriveInTheCollector runs the quickstart on a folder, and checks the
// whole trace in the file of the Collector that it sent its spans to.
func TestSpansArriveInTheCollector(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	const n = 300 // more than one batch of spans, more than a task's budget of leaf spans
	folder, names := someFiles(t, n)
	program := must(t, quickstart)
	c := startCollector(ctx, t)

	out, err := exec.CommandContext(ctx, program, "-workers", "3", "-otlp", c.addr, folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	spans := c.collected(ctx, t)

	var traceID string
	operations := 0
	paths := map[string]int{} // of operations: a span may stand for several
	files := []string{}
	for _, s := range spans {
		traceID = s.TraceID
		path := s.path(t, spans)
		paths[path] += s.operations(t)
		operations += s.operations(t)
		if s.Name == "task file" {
			files = append(files, s.Attributes["file.path"])
		}

		require.Equal(t, "corral-quickstart", s.service)
		require.Contains(t, []string{otelx.ScopeName, otelx.OpsScopeName}, s.scope, path)
		require.Equal(t, isLeaf(s.Name), s.scope == otelx.OpsScopeName, path)
		require.Equal(t, otelx.Version(), s.version, path)
		require.Equal(t, 1, s.Kind, "%s is internal", path)
		require.Zero(t, s.Status.Code, "%s failed", path)
		require.LessOrEqual(t, s.Start, s.End, path)
		if parent := spans[s.ParentSpanID]; parent != nil {
			require.False(t, isLeaf(parent.Name), "%s is below a leaf", path)
			require.LessOrEqual(t, parent.Start, s.Start, "%s begins before what it is in", path)
			require.GreaterOrEqual(t, parent.End, s.End, "%s ends after what it is in", path)
		}
	}
	require.Contains(t, string(out), fmt.Sprintf("spans sent to http://%s/v1/traces, trace %s\n", c.addr, traceID))
	// What the program says it has sent is what the file has.
	require.Contains(t, strings.ReplaceAll(string(out), ",", ""), fmt.Sprintf("\n%d spans sent ", len(spans)))

	require.Less(t, len(spans), operations, "no operations were merged: the folder is too small to test that")

	slices.Sort(files)
	require.Equal(t, names, files)
	require.Equal(t, map[string]int{
		"scope quickstart":                                               1,
		"scope quickstart/get results":                                   n + 1, // one finds the queue closed
		"scope quickstart/task walk":                                     1,
		"scope quickstart/task walk/put files":                           n,
		"scope quickstart/task hash":                                     1,
		"scope quickstart/task hash/scope workers":                       1,
		"scope quickstart/task hash/scope workers/get files":             n + 1,
		"scope quickstart/task hash/scope workers/task file":             n,
		"scope quickstart/task hash/scope workers/task file/put results": n,
	}, paths)
	requireLinks(t, spans, map[string]string{"get files": "task walk", "get results": "task file"})
}

// requireLinks checks that every link leads to a span in the file, and that each
// get that got one item has one, to who put the item in.
func requireLinks(t *testing.T, spans map[string]*span, putter map[string]string) {
	t.Helper()
	linked := map[string]int{}
	for _, s := range spans {
		for _, l := range s.Links {
			to := spans[l.SpanID]
			require.NotNil(t, to, "%s links to a span that is not there", s.Name)
			require.Equal(t, to.TraceID, l.TraceID)
			require.Equal(t, putter[s.Name], to.Name, "what %s links to", s.Name)
			linked[s.Name]++
		}
		if s.Attributes["corral.op.count"] == "" && strings.HasPrefix(s.Name, "get ") && s.Attributes["error.type"] != "queue_closed" {
			require.Len(t, s.Links, 1, "%s %v", s.Name, s.Attributes)
		}
	}
	for name := range putter {
		require.NotZero(t, linked[name], "links of %s", name)
	}
}

// isLeaf tells spans of operations from those of scopes and tasks.
func isLeaf(name string) bool {
	return !strings.HasPrefix(name, "scope ") && !strings.HasPrefix(name, "task ")
}

// operations returns for how many operations the span stands.
func (s *span) operations(t *testing.T) int {
	t.Helper()
	count := s.Attributes["corral.op.count"]
	if count == "" {
		return 1
	}
	n, err := strconv.Atoi(count)
	require.NoError(t, err)
	require.Positive(t, n)
	return n
}

// path returns the names from the root to the span. All of them are in the file,
// and in one trace.
func (s *span) path(t *testing.T, spans map[string]*span) string {
	t.Helper()
	if s.ParentSpanID == "" {
		return s.Name
	}
	parent := spans[s.ParentSpanID]
	require.NotNil(t, parent, "%s has a parent that is not there", s.Name)
	require.Equal(t, parent.TraceID, s.TraceID, "%s is in another trace than its parent", s.Name)
	return parent.path(t, spans) + "/" + s.Name
}

// someFiles makes n files, and returns the folder and their sorted names in it.
func someFiles(t *testing.T, n int) (folder string, names []string) {
	t.Helper()
	folder = t.TempDir()
	for i := range n {
		name := filepath.Join(fmt.Sprint("d", i%3), fmt.Sprint("f", i))
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(name), 0o600))
		names = append(names, filepath.ToSlash(name))
	}
	slices.Sort(names)
	return folder, names
}
