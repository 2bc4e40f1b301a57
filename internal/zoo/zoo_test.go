package zoo

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A bug is a change to one of our files, and the tests that have to find it.
type bug struct {
	name     string
	file     string
	old, new string // the text to replace, which is there once
	pkg, run string // the package and the tests, for go test
}

// TestZoo plants each bug with go test -overlay. It takes a compilation and a
// test run for each, and so is asked for: CORRAL_ZOO=1, or CORRAL_ZOO=name for
// one alone.
func TestZoo(t *testing.T) {
	only := os.Getenv("CORRAL_ZOO")
	if only == "" {
		t.Skip("set CORRAL_ZOO=1, or to the name of a bug")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bugs {
		if only != "1" && only != b.name {
			continue
		}
		t.Run(b.name, func(t *testing.T) { b.hunt(t, root) })
	}
}

// hunt fails if the tests pass although the bug is there.
func (b bug) hunt(t *testing.T, root string) {
	file := filepath.Join(root, b.file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), b.old); n != 1 {
		t.Fatalf("%s has the text to replace %d times, not once: the bug has to be planted anew:\n%s", b.file, n, b.old)
	}
	dir := t.TempDir()
	sick := filepath.Join(dir, filepath.Base(b.file))
	if err := os.WriteFile(sick, []byte(strings.Replace(string(text), b.old, b.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: sick}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-overlay", list, "-run", b.run, "-count=1", "-timeout=30s", "./"+b.pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CORRAL_SEEDS=1000")
	out, err := cmd.CombinedOutput()
	switch {
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
		t.Fatalf("does not compile:\n%s", out)
	case err == nil:
		t.Fatalf("nobody has noticed: %s passes with it", b.run)
	}
	t.Logf("found by %s", finder(string(out)))
}

// finder is the first line that says what failed, and how.
func finder(out string) string {
	test, how := "", ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case how == "" && strings.Contains(line, "under schedule "):
			_, how, _ = strings.Cut(line, "under ")
			how = ", " + how
		case strings.HasPrefix(line, "--- FAIL: "):
			test = strings.TrimPrefix(line, "--- FAIL: ")
			return test + how
		}
	}
	if strings.Contains(out, "panic: ") {
		return "a panic" + how
	}
	return "a failure" + how
}
