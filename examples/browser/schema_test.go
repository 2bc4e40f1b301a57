package browser

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// Every answer of a running program, and every golden file, is what the schema
// says; and the schema does not say yes to everything.
func TestSchema(t *testing.T) {
	fetch := func(url string) []byte {
		res, err := http.Get(url)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode, "%s: %s", url, body)
		return body
	}
	p := run(t, busy)
	parse := func(b []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		require.NoError(t, err)
		return v
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("schema.json", parse(fetch(p.url+"schema.json"))))
	schema, err := c.Compile("schema.json")
	require.NoError(t, err)

	for _, what := range append([]string{fmt.Sprintf("scope.json?id=%d", p.id()), "tree.json?limit=5", "tree.json?sort=wait"}, screens...) {
		if filepath.Ext(what) == "" {
			what += ".json"
		}
		require.NoError(t, schema.Validate(parse(fetch(p.url+what))), what)
	}
	files, err := filepath.Glob("../../monitor/inspect/testdata/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 8)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, schema.Validate(parse(b)), f)
		require.Error(t, schema.Validate(parse(bytes.Replace(b, []byte(`"version": 1`), []byte(`"version": 2`), 1))), f)
		require.Error(t, schema.Validate(parse(bytes.Replace(b, []byte(`"tasks"`), []byte(`"taks"`), 1))), f)
	}
}
