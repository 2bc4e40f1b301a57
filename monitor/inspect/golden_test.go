package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/invariant"
	"github.com/corral-go/corral/monitor/inspect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var watched = []inspect.Option{
	inspect.TraceURL("https://trace.example.org/trace/{trace_id}?span={span_id}"),
	inspect.Watch("jobs", func() inspect.Level {
		return inspect.Level{Size: 3, Capacity: 8, Peak: 8, Waiting: 2, Oldest: 1500 * time.Millisecond}
	}),
	inspect.Watch("broken", func() inspect.Level { panic("no") }),
	nil,
}

// Every answer as it stands, byte by byte, but for the ids, which are numbered as
// they come. The schema is held to these files in examples/browser.
func TestAnswersGolden(t *testing.T) {
	invariant.Untraced(t)
	looked(t, 9300*time.Millisecond, busy, func(t *testing.T) {
		h := inspect.Handler(watched...)
		handler := golden(t, h, "tree", "tree.json")
		in := regexp.MustCompile(`"id":(\d+),"count":3,"name":"handler"`).FindStringSubmatch(handler)
		require.Len(t, in, 2)
		golden(t, h, "scope", "scope.json?id="+in[1])
		for _, name := range []string{"queues", "cancellations", "waits", "findings"} {
			golden(t, h, name, name+".json")
		}
	})
	looked(t, 0, func(context.Context) error { return nil }, func(t *testing.T) {
		h := inspect.Handler()
		for _, name := range []string{"tree", "queues", "cancellations", "waits", "findings"} {
			golden(t, h, "empty-"+name, name+".json")
		}
	})
}

var ids = regexp.MustCompile(`"(id|ids)":(\d+|\[[\d,]+\])`)

// golden compares an answer with testdata/name.json, and returns it.
func golden(t *testing.T, h http.Handler, name, target string) string {
	t.Helper()
	w := serve(h, local("GET", "/"+target))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	seen := map[string]string{}
	number := regexp.MustCompile(`\d+`)
	scrubbed := ids.ReplaceAllStringFunc(w.Body.String(), func(m string) string {
		return number.ReplaceAllStringFunc(m, func(id string) string {
			if seen[id] == "" {
				seen[id] = fmt.Sprint(len(seen) + 1)
			}
			return seen[id]
		})
	})
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, []byte(scrubbed), "", "  "))
	file := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
	return w.Body.String()
}
