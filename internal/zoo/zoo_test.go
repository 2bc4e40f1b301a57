package zoo

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A bug is a change to one of our files, and the test that has to find it: one of
// several that would, as a rule.
type bug struct {
	name      string
	file      string
	old, new  string // the text to replace, which is there once
	pkg, test string
}

// Every bug can be planted: its text is still there. That costs nothing, and so
// is looked at in every run.
func TestZooIsComplete(t *testing.T) {
	root := moduleRoot(t)
	names := map[string]bool{}
	for _, b := range bugs {
		if names[b.name] {
			t.Errorf("two bugs are named %q", b.name)
		}
		names[b.name] = true
		if _, err := b.planted(root); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
	}
	if len(bugs) < 15 {
		t.Errorf("%d bugs are not 15", len(bugs))
	}
}

// TestZoo plants each bug with go test -overlay. It takes a compilation and a
// test run for each, and so is asked for: CORRAL_ZOO=1, or CORRAL_ZOO=name for
// one alone.
func TestZoo(t *testing.T) {
	only := os.Getenv("CORRAL_ZOO")
	if only == "" {
		t.Skip("set CORRAL_ZOO=1, or to the name of a bug")
	}
	root := moduleRoot(t)
	for _, b := range bugs {
		if only != "1" && only != b.name {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.hunt(t, root)
		})
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// planted is the text of the bug's file with the bug. What is to be replaced may
// be laid out differently by now, as long as the words are the same.
func (b bug) planted(root string) (string, error) {
	src, err := os.ReadFile(filepath.Join(root, b.file))
	if err != nil {
		return "", err
	}
	var words []string
	for _, w := range strings.Fields(b.old) {
		words = append(words, regexp.QuoteMeta(w))
	}
	old := regexp.MustCompile(strings.Join(words, `\s+`))
	at := old.FindAllIndex(src, -1)
	if len(at) != 1 {
		return "", fmt.Errorf("%s has the text to replace %d times, not once: plant the bug anew in bugs_test.go:\n%s", b.file, len(at), b.old)
	}
	return string(src[:at[0][0]]) + strings.TrimSpace(b.new) + string(src[at[0][1]:]), nil
}

// hunt fails if the tests pass although the bug is there.
func (b bug) hunt(t *testing.T, root string) {
	text, err := b.planted(root)
	if err != nil {
		t.Fatal(err)
	}
	list := overlay(t, root, b.file, text)
	out, err := run(root, "test", "-overlay", list, "-run", "^"+b.test+"$", "-count=1", "-failfast", "-timeout=30s", "./"+b.pkg)
	switch {
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		t.Fatalf("does not compile:\n%s", out)
	case err == nil:
		t.Fatalf("%s passes with it", b.test)
	}
	t.Logf("found by %s", finder(out))
}

// overlay returns the file for -overlay that puts text in the place of a file.
func overlay(t *testing.T, root, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	sick := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(sick, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, file): sick}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

// run runs the go command without vet, which would take longer than the tests.
func run(root, command string, args ...string) (string, error) {
	if command == "test" {
		args = append([]string{"-vet=off"}, args...)
	}
	cmd := exec.Command("go", append([]string{command}, args...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
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
