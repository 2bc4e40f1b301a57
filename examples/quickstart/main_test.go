package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corral-go/corral/testkit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in %s (go test -update rewrites it):\n%s", path, got)
	}
}

// smallTree makes a folder of n files.
func smallTree(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		name := filepath.Join(dir, fmt.Sprint("d", i%3), fmt.Sprint("f", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// begin runs the program and returns what it says.
func begin(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = start(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func TestStart(t *testing.T) {
	dir := smallTree(t, 30)
	code, out, errs := begin(t, "-workers", "3", dir)
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
	wantAll(t, out, "hashed 30 files, 435 B, below", "at most 3 at a time", "fingerprint ",
		"SLOWEST FILES", "WHAT IT DID", "scope quickstart", "└─ get results", "×31", "WHAT IT WAITED FOR")
	if lines := strings.Count(out, "\n"); lines > 40 {
		t.Errorf("%d lines do not fit a screen:\n%s", lines, out)
	}
}

func TestStartTakesNoLongerThanAllowed(t *testing.T) {
	code, out, errs := begin(t, "-timeout", "1ns", smallTree(t, 30))
	if code != exitTimeout {
		t.Errorf("exit code %d, want %d", code, exitTimeout)
	}
	wantAll(t, out, "incomplete", "out of time")
	wantAll(t, errs, "deadline")
}

func TestStartRefuses(t *testing.T) {
	file := filepath.Join(smallTree(t, 1), "d0", "f0")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitOK, "usage:", []string{"-h"}},
		{exitUsage, "at least 1", []string{"-workers", "0"}},
		{exitUsage, "negative", []string{"-timeout", "-1s"}},
		{exitUsage, "more than one", []string{"a", "b"}},
		{exitUsage, "want host:port", []string{"-otlp", "ftp://x"}},
		{exitUsage, "want host:port", []string{"-otlp", ":4318"}},
		{exitUsage, "not defined", []string{"-no-such-flag"}},
		{exitFailed, "no such file", []string{filepath.Join(t.TempDir(), "nothing")}},
		{exitFailed, "not a directory", []string{file}},
	} {
		code, out, errs := begin(t, c.args...)
		if code != c.code || out != "" {
			t.Errorf("%q: exit code %d, want %d; stdout %q", c.args, code, c.code, out)
		}
		wantAll(t, errs, c.says)
	}
}

func TestStartSendsSpans(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer collector.Close()
	code, out, errs := begin(t, "-otlp", collector.Listener.Addr().String(), smallTree(t, 30))
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
	// 2 scopes, 2 stages, and for each of the files: a task, and it put and got
	// twice; and two gets that find a queue closed.
	wantAll(t, out, "156 spans sent to "+collector.URL+"/v1/traces, trace ")
	if strings.Contains(out, "WHAT IT DID") {
		t.Errorf("the spans were printed too:\n%s", out)
	}
}

func TestStartSaysThatSpansWereLost(t *testing.T) {
	collector := httptest.NewServer(http.NotFoundHandler())
	defer collector.Close()
	code, out, errs := begin(t, "-otlp", collector.URL, smallTree(t, 30))
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	wantAll(t, out, "hashed 30 files", "0 spans sent")
	wantAll(t, errs, "156 spans lost: POST "+collector.URL+"/v1/traces: 404 Not Found: 404 page not found")
}

func TestDefaultIsTheSourceOfGo(t *testing.T) {
	if _, err := fs.Stat(os.DirFS(goSource(t.Context())), "context/context.go"); err != nil {
		t.Error(err)
	}
}

func TestWithoutGoDefaultIsHere(t *testing.T) {
	t.Setenv("PATH", "")
	if dir := goSource(context.Background()); dir != "." {
		t.Errorf("got %q", dir)
	}
}
