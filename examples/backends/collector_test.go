package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A collector is an OpenTelemetry Collector that writes the spans it gets into a
// file.
type collector struct {
	*process
	addr string // for OTLP over HTTP
	file string
}

const collectorConfig = `
receivers: {otlp: {protocols: {http: {endpoint: %q}}}}
exporters: {file: {path: %q}}
service:
  telemetry: {metrics: {level: none}} # it would listen for Prometheus on a fixed port
  pipelines: {traces: {receivers: [otlp], exporters: [file]}}
`

var (
	collectorReady = regexp.MustCompile(`Everything is ready`)
	addressInUse   = "address already in use"
)

// startCollector returns when the Collector listens. It cannot tell which port
// the system gave it: it is told one that was free a moment ago, and another if
// somebody was faster.
func startCollector(ctx context.Context, t *testing.T) *collector {
	t.Helper()
	program := must(t, collectorProgram)
	for range 5 {
		dir := t.TempDir()
		c := &collector{addr: freeAddress(t), file: filepath.Join(dir, "spans.json")}
		config := filepath.Join(dir, "config.yaml")
		require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, collectorConfig, c.addr, c.file), 0o600))
		c.process = start(ctx, t, program, "--config", config)
		_, err := c.await(ctx, collectorReady)
		if err == nil {
			return c
		}
		if !strings.Contains(c.transcript(), addressInUse) {
			require.NoError(t, err)
		}
	}
	require.Fail(t, "somebody is always faster")
	return nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// collected stops the Collector, which writes what it has, and returns the
// spans of the file by their ids.
func (c *collector) collected(ctx context.Context, t *testing.T) map[string]*span {
	t.Helper()
	c.stop(ctx, t)
	text, err := os.ReadFile(c.file)
	require.NoError(t, err)
	spans := map[string]*span{}
	for line := range bytes.Lines(text) { // one for each batch
		var batch struct {
			ResourceSpans []struct {
				Resource   struct{ Attributes attributes }
				ScopeSpans []struct {
					Scope struct{ Name, Version string }
					Spans []*span
				}
			}
		}
		require.NoError(t, json.Unmarshal(line, &batch))
		for _, r := range batch.ResourceSpans {
			for _, sc := range r.ScopeSpans {
				for _, s := range sc.Spans {
					require.Nil(t, spans[s.SpanID], "a span twice")
					s.service, s.scope, s.version = r.Resource.Attributes["service.name"], sc.Scope.Name, sc.Scope.Version
					spans[s.SpanID] = s
				}
			}
		}
	}
	return spans
}

// A span is what the tests read of OTLP's JSON form.
type span struct {
	TraceID, SpanID, ParentSpanID string
	Name                          string
	Kind                          int
	Start                         int64 `json:"startTimeUnixNano,string"`
	End                           int64 `json:"endTimeUnixNano,string"`
	Attributes                    attributes
	Links                         []struct{ TraceID, SpanID string }
	Status                        struct{ Code int }

	service, scope, version string
}

func (s *span) duration() time.Duration { return time.Duration(s.End - s.Start) }

// attributes are those of kinds that fit a string: all that the tests ask for.
type attributes map[string]string

// UnmarshalJSON takes OTLP's list of keys and values.
func (a *attributes) UnmarshalJSON(text []byte) error {
	var list []struct {
		Key   string
		Value map[string]any // one entry: the kind and the value
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*a = attributes{}
	for _, kv := range list {
		for _, v := range kv.Value {
			(*a)[kv.Key] = fmt.Sprint(v)
		}
	}
	return nil
}
