package arch

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

var rules = map[string]rule{
	"imports run downwards":        downwards,
	"reserved packages stay apart": apart,
	"one go statement":             oneGo,
	"nothing starts by itself":     asleep,
	"examples have output":         examplesRun,
	"tests do not sleep":           awake,
	"tests are guarded":            guarded,
}

// TestModule holds the rules against the module.
func TestModule(t *testing.T) {
	sources, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]bool{}
	for _, s := range sources {
		packages[s.dir] = true
	}
	for _, dir := range []string{"scope", "task", "sync", "otelx", "internal/park", "internal/executor"} {
		if !packages[dir] {
			t.Errorf("no source of %s was found: the rules would hold of nothing", dir)
		}
	}
	for name, broken := range rules {
		t.Run(name, func(t *testing.T) {
			for _, b := range broken(sources) {
				t.Error(b)
			}
		})
	}
}

// TestRulesCanFail plants sources that break each rule once, and sources
// beside them that look similar and do not.
func TestRulesCanFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		rule  rule
		files map[string]string
		want  []string // one for each violation, in the order of the files' names
	}{
		{"otelx knows nothing of ours", downwards, map[string]string{
			"otelx/a.go":    `package otelx; import _ "github.com/corral-go/corral/internal/park"`,
			"otelx/b.go":    `package otelx; import _ "go.opentelemetry.io/otel"`,
			"otelx/c/c.go":  `package c; import _ "github.com/corral-go/corral/otelx/d"`,
			"otelx_test.go": `package corral_test; import _ "github.com/corral-go/corral/scope"`,
		}, []string{"otelx/a.go:1: otelx imports internal/park"}},
		{"internal stays below", downwards, map[string]string{
			"internal/park/a.go": `package park; import _ "github.com/corral-go/corral/scope"`,
			"internal/park/b.go": `package park; import _ "github.com/corral-go/corral/internal/capture"`,
		}, []string{"internal/park/a.go:1"}},
		{"scope below task", downwards, map[string]string{
			"scope/a.go":       `package scope; import _ "github.com/corral-go/corral/task"`,
			"scope/guest/a.go": `package guest; import _ "github.com/corral-go/corral/scope"`,
			"scope/guest/b.go": `package guest; import _ "github.com/corral-go/corral/wait"`,
			"task/a.go":        `package task; import _ "github.com/corral-go/corral/scope"`,
			"task/b.go":        `package task; import _ "github.com/corral-go/corral/wait"`,
			"task/b_test.go":   `package task_test; import _ "github.com/corral-go/corral/wait"`,
		}, []string{"scope/a.go:1", "scope/guest/b.go:1", "task/b.go:1"}},
		{"sync beside task, wait above it", downwards, map[string]string{
			"sync/a.go": `package sync; import _ "github.com/corral-go/corral/task"`,
			"sync/b.go": `package sync; import _ "github.com/corral-go/corral/internal/park"`,
			"wait/a.go": `package wait; import _ "github.com/corral-go/corral/task"`,
			"wait/b.go": `package wait; import _ "github.com/corral-go/corral/sync"`,
		}, []string{"sync/a.go:1", "wait/b.go:1"}},
		{"every package has a place", downwards, map[string]string{
			"util/a.go":            `package util`,
			"examples/q/a.go":      `package main; import _ "github.com/corral-go/corral/internal/park"`,
			"examples/own/go.mod":  `module own`,
			"examples/own/a.go":    `package main; import _ "github.com/corral-go/corral/internal/park"`,
			"scope/testdata/a.go":  `not Go`,
			"scope/not_really.txt": `not Go`,
		}, []string{"examples/q/a.go:1", "util/a.go:1: package util has no place"}},
		{"reserved packages", apart, map[string]string{
			"internal/executor/a.go":  `package executor; import _ "github.com/sourcegraph/conc"`,
			"monitor/inspect/a.go":    `package inspect; import _ "net/http"`,
			"monitor/a.go":            `package monitor; import _ "net/http/pprof"`,
			"scope/a.go":              `package scope; import _ "github.com/sourcegraph/conc/pool"`,
			"scope/b.go":              `package scope; import _ "testing"`,
			"scope/b_test.go":         `package scope; import _ "testing"`,
			"scope/regression.go":     `package scope; import _ "github.com/stretchr/testify/require"`,
			"otelx/a.go":              `package otelx; import _ "go.opentelemetry.io/otel/sdk/trace"`,
			"testkit/a.go":            `package testkit; import ("testing"; _ "go.opentelemetry.io/otel/sdk/trace")`,
			"testkit/b.go":            `package testkit; import _ "github.com/corral-go/corral/internal/invariant"`,
			"wait/a.go":               `package wait; import _ "github.com/corral-go/corral/internal/invariant"`,
			"wait/a_test.go":          `package wait; import _ "github.com/corral-go/corral/internal/invariant"`,
			"internal/invariant/a.go": `package invariant; import ("testing"; _ "go.opentelemetry.io/otel/sdk/trace")`,
		}, []string{"monitor/a.go:1", "otelx/a.go:1", "scope/a.go:1", "scope/b.go:1", "scope/regression.go:1", "wait/a.go:1"}},
		{"go outside the executor", oneGo, map[string]string{
			"scope/a.go":      "package scope\nfunc f() {\n\tgo f()\n}",
			"scope/a_test.go": "package scope\nfunc f() { go f() }",
		}, []string{"scope/a.go:3: a go statement outside"}},
		{"two in the executor", oneGo, map[string]string{
			"internal/executor/a.go": "package executor\nfunc f() { go f() }\nfunc g() { func() { go f() }() }",
			"examples/q/a.go":        "package main\nfunc f() { go f() }",
		}, []string{"internal/executor/a.go:3: a second"}},
		{"variables", asleep, map[string]string{
			"scope/a.go": "package scope\nimport (\"sync\"; \"time\")\n" +
				"var p sync.Pool\n" +
				"var q = &sync.Pool{}\n" +
				"var t = time.NewTicker(1)\n" +
				"var c = make(chan int)\n" +
				"var v = func() int { go f(); return 1 }()\n",
			"scope/b.go": "package scope\nimport (sync \"example.org/notsync\"; \"time\")\n" +
				"var p sync.Pool\n" +
				"var m sync.Mutex\n" +
				"var s = make([]chan int, 1)\n" +
				"var k = func() { c := make(chan int); <-c; time.NewTicker(1) }\n" +
				"func f() { c := make(chan int); time.NewTicker(1); <-c }\n",
		}, []string{"a.go:3: sync.Pool", "a.go:4: sync.Pool", "a.go:5: time.NewTicker", "a.go:6: a channel", "a.go:7: a goroutine"}},
		{"init", asleep, map[string]string{
			"scope/a.go": "package scope\nimport \"time\"\nfunc init() {\n" +
				"\tgo f()\n" +
				"\ttime.AfterFunc(1, f)\n" +
				"\twg.Go(f)\n" +
				"\tdefer func() { make(chan int) }()\n" +
				"}\n",
			"scope/b.go": "package scope\nfunc init() { hook = func() { wg.Go(f) }; table[1] = f }\nfunc (x T) init() { wg.Go(f) }\n",
		}, []string{"a.go:4: a goroutine", "a.go:5: time.AfterFunc", "a.go:6: init calls Go", "a.go:7: a channel"}},
		{"examples", examplesRun, map[string]string{
			"scope/a_test.go": "package scope_test\n" +
				"func ExampleRun() {\n\tprintln(1)\n}\n" +
				"func ExampleGo() {\n\tprintln(1)\n\t// Output: 1\n}\n" +
				"func ExampleNone() {\n\t// Output:\n}\n" +
				"func ExampleMany() {\n\tprintln(1)\n\t// Unordered output: 1\n}\n" +
				"func ExampleLate() {\n\t// Output: 1\n\tprintln(1)\n\t// and more\n}\n" +
				"func Examples() {}\n" + "func exampleX() {}\n",
		}, []string{"ExampleLate has no", "ExampleRun has no"}},
		{"sleep", awake, map[string]string{
			"scope/a_test.go":  "package scope\nimport \"time\"\nfunc f() {\n\ttime.Sleep(1)\n}",
			"scope/b_test.go":  "package scope\nimport (\"time\"; \"testing/synctest\")\nfunc f() { time.Sleep(1); synctest.Wait() }",
			"scope/bb_test.go": "package scope\nimport (\"time\"; \"github.com/corral-go/corral/testkit\")\nfunc f() { time.Sleep(1); testkit.Bubble() }",
			"scope/c_test.go":  "package scope\nfunc f() { scope.Sleep(1) }",
			"scope/d.go":       "package scope\nimport \"time\"\nfunc f() { time.Sleep(1) }",
			"scope/e_test.go":  "package scope\nimport clock \"time\"\nvar s = clock.Sleep",
		}, []string{"a_test.go:4", "e_test.go:3"}},
		{"guards", guarded, map[string]string{
			"scope/a.go": "package scope\nfunc TestNot() {}",
			"scope/a_test.go": "package scope_test\nimport (\"testing\"; kit \"github.com/corral-go/corral/testkit\"; \"example.org/other\")\n" +
				"func TestMain(m *testing.M) { os.Exit(kit.Main(m)) }\n" +
				"func TestGood(t *testing.T) { kit.Guard(t) }\n" +
				"func TestByBubble(t *testing.T) { bubble(t) }\n" +
				"func TestGeneric(t *testing.T) { f := func() { each[int](t) }; f() }\n" +
				"func TestBad(t *testing.T) {}\n" +
				"func TestOther(t *testing.T) { other.Guard(t); t.bubble() }\n" +
				"func each[T any](t *testing.T) { bubble(t) }\n" +
				"// TestExempt is special.\n//\n// Unguarded: it says why.\nfunc TestExempt(t *testing.T) {}\n",
			"scope/b_test.go":         "package scope_test\nimport (\"testing\"; \"github.com/corral-go/corral/testkit\")\nfunc bubble(t *testing.T) { testkit.Guard(t) }\n",
			"task/a_test.go":          "package task_test\nimport \"github.com/corral-go/corral/task\"\nfunc TestMain(m *testing.M) { os.Exit(m.Run()) }\n",
			"internal/gid/a_test.go":  "package gid\nimport \"testing\"\nfunc TestNone(t *testing.T) {}\n",
			"examples/shop/a_test.go": "package main\nimport _ \"github.com/corral-go/corral/scope\"\nfunc TestNone(t *testing.T) {}\n",
		}, []string{"a_test.go:7: TestBad", "a_test.go:8: TestOther", "task: the tests have no TestMain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, text := range c.files {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			sources, err := load(tree)
			if err != nil {
				t.Fatal(err)
			}
			got := c.rule(sources)
			if len(got) != len(c.want) {
				t.Fatalf("got %d violations, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("violation %d is %q, want one of %q", i, got[i], c.want[i])
				}
			}
		})
	}
}

// TestLoadReportsBadSource: a file that does not parse is no file without faults.
func TestLoadReportsBadSource(t *testing.T) {
	if _, err := load(fstest.MapFS{"a.go": {Data: []byte("package")}}); err == nil {
		t.Error("no error for a file that does not parse")
	}
}
