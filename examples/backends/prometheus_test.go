package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// prometheusProgram is the Prometheus that is installed, or else Debian's,
// fetched and unpacked: that needs no root, and installs and starts nothing.
var prometheusProgram = sync.OnceValues(func() (string, error) {
	if path, err := exec.LookPath("prometheus"); err == nil {
		return path, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("no Prometheus is installed, and there is no apt-get to fetch it")
	}
	// apt-get has lists of packages of its own here: the system's may be missing
	// or old, and belong to root.
	dir := filepath.Join(programs, "apt")
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "unpacked"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return "", err
		}
	}
	const script = `
		apt() { apt-get -o Dir::State="$PWD/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$PWD/cache" -o Acquire::Retries=2 "$@"; }
		apt update && apt download prometheus && dpkg-deb -x prometheus_*.deb unpacked`
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetching Debian's prometheus: %w\n%s", err, out)
	}
	return filepath.Join(dir, "unpacked/usr/bin/prometheus"), nil
})

// needPrometheus returns the path of Prometheus. Where it is not to be had the
// test is skipped, but not where the environment has CI.
func needPrometheus(t *testing.T) string {
	t.Helper()
	path, err := prometheusProgram()
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("NOT TESTED with a real Prometheus: %v", err)
	}
	require.NoError(t, err)
	return path
}

// A prometheusServer is a Prometheus that reads one /metrics page, often.
type prometheusServer struct {
	*process
	client *http.Client
	addr   string
}

const prometheusConfig = `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs: [{job_name: corral, static_configs: [{targets: [%q]}]}]
`

var (
	prometheusListens = regexp.MustCompile(`"Listening on".* address=(127\.0\.0\.1:\d+)`)
	prometheusReady   = regexp.MustCompile(`Server is ready to receive web requests`)
)

// startPrometheus returns when Prometheus answers.
func startPrometheus(ctx context.Context, t *testing.T, path, target string) *prometheusServer {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, target), 0o600))
	p := &prometheusServer{client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
	t.Cleanup(p.client.CloseIdleConnections)
	p.process = start(ctx, t, path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--enable-feature=exemplar-storage")
	listens, err := p.await(ctx, prometheusListens)
	require.NoError(t, err)
	_, err = p.await(ctx, prometheusReady)
	require.NoError(t, err)
	p.addr = listens[1]
	return p
}

// get asks Prometheus and stores the data of its answer.
func (p *prometheusServer) get(ctx context.Context, t *testing.T, path string, params url.Values, data any) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/api/v1/"+path+"?"+params.Encode(), http.NoBody)
	require.NoError(t, err)
	resp, err := p.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	require.NoError(t, json.Unmarshal(body, &struct{ Data any }{data}))
}

// A sample is the newest value of one series.
type sample struct {
	labels map[string]string
	value  float64
}

// query returns what an instant query of PromQL finds.
func (p *prometheusServer) query(ctx context.Context, t *testing.T, promql string) (samples []sample) {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any // when, and a number in quotes
		}
	}
	p.get(ctx, t, "query", url.Values{"query": {promql}}, &data)
	for _, r := range data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		require.NoError(t, err)
		samples = append(samples, sample{r.Metric, value})
	}
	return samples
}

// An exemplar is one measurement, and the span it was made in.
type exemplar struct {
	series, labels map[string]string
	value          float64
}

// exemplars returns those of the last hour.
func (p *prometheusServer) exemplars(ctx context.Context, t *testing.T, promql string) (all []exemplar) {
	t.Helper()
	var data []struct {
		SeriesLabels map[string]string
		Exemplars    []struct {
			Labels map[string]string
			Value  float64 `json:",string"`
		}
	}
	now := time.Now()
	p.get(ctx, t, "query_exemplars", url.Values{
		"query": {promql},
		"start": {now.Add(-time.Hour).Format(time.RFC3339)},
		"end":   {now.Add(time.Hour).Format(time.RFC3339)},
	}, &data)
	for _, series := range data {
		for _, e := range series.Exemplars {
			all = append(all, exemplar{series.SeriesLabels, e.Labels, e.Value})
		}
	}
	return all
}

// eventually tries until found says so: what Prometheus knows it learns by
// asking, and so do we.
func eventually(ctx context.Context, t *testing.T, what string, found func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !found() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(t, "not seen", "%s", what)
		}
	}
}
