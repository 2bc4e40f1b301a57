package zoo

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestMutants breaks statements of ours at random, one at a time, and lists the
// mutants that the tests let pass. Some are no bugs (a statement that only saves
// time); each of the others is a test that is missing. It is asked for:
//
//	CORRAL_MUTATE='sync/queue*.go'            20 mutants of these files
//	CORRAL_MUTATE='internal/park/*.go:100:7'  100 of them, drawn with seed 7
//
// A mutant has a statement deleted, or two that follow each other swapped.
// Counting checks let a deleted receive pass; that is what this is for.
func TestMutants(t *testing.T) {
	asked := os.Getenv("CORRAL_MUTATE")
	if asked == "" {
		t.Skip("set CORRAL_MUTATE to files[:number[:seed]]")
	}
	parts := append(strings.Split(asked, ":"), "", "")
	n, seed := numberOr(t, parts[1], 20), numberOr(t, parts[2], 1)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all := mutantsOf(t, root, parts[0])
	if len(all) == 0 {
		t.Fatalf("no statement in %s", parts[0])
	}
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	tried, survived := 0, 0
	for _, m := range all {
		if tried == n {
			break
		}
		switch found, compiles := m.hunted(t, root); {
		case !compiles:
		case found:
			tried++
		default:
			tried++
			survived++
			t.Logf("survives: %s", m)
		}
	}
	t.Logf("%d of %d mutants survive, of %d that could be made (seed %d)", survived, tried, len(all), seed)
}

func numberOr(t *testing.T, text string, otherwise int) int {
	t.Helper()
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A mutant is a change to one file.
type mutant struct {
	file, at, what string
	text           string // of the whole file, with the change
}

func (m mutant) String() string { return m.at + ": " + m.what }

// hunters are the packages whose tests should find a mutant in a folder, its own
// first.
var hunters = map[string][]string{
	"internal/park": {"./internal/park", "./task", "./sync", "./scope", "./wait", "./otelx"},
	"scope":         {"./scope", "./task", "./otelx"},
	"sync":          {"./sync", "./otelx"},
}

// hunted reports whether the tests fail with the mutant, if it compiles.
func (m mutant) hunted(t *testing.T, root string) (found, compiles bool) {
	t.Helper()
	dir := filepath.ToSlash(filepath.Dir(m.file))
	list := overlay(t, root, m.file, m.text)
	if _, err := run(root, "build", "-overlay", list, "./"+dir); err != nil {
		return false, false
	}
	by := hunters[dir]
	if by == nil {
		by = []string{"./" + dir}
	}
	test := func(args ...string) bool {
		_, err := run(root, "test", append([]string{"-overlay", list, "-count=1", "-failfast", "-short", "-timeout=120s"}, args...)...)
		return err == nil
	}
	for _, pkg := range by {
		if !test(pkg) {
			return true, true
		}
	}
	return !test("-race", by[0]), true // four times slower, and so asked last
}

// mutantsOf returns every mutant of some files.
func mutantsOf(t *testing.T, root, pattern string) (all []mutant) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, mutate(t, file, string(src))...)
	}
	return all
}

// mutate returns the mutants of one file.
func mutate(t *testing.T, name, src string) (all []mutant) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	text := func(n ast.Node) string { return src[fset.Position(n.Pos()).Offset:fset.Position(n.End()).Offset] }
	change := func(n ast.Node, what, to string) {
		at := fset.Position(n.Pos())
		from, until := at.Offset, fset.Position(n.End()).Offset
		all = append(all, mutant{
			file: name, at: fmt.Sprintf("%s:%d", name, at.Line), what: what,
			text: src[:from] + to + src[until:],
		})
	}
	for n := range ast.Preorder(file) {
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for i, s := range list {
			if idle(text(s)) {
				continue
			}
			change(s, "without "+brief(text(s)), "")
			if i > 0 && !idle(text(list[i-1])) && !isClause(s) {
				two := &span{list[i-1].Pos(), s.End()}
				change(two, "first "+brief(text(s))+" and then "+brief(text(list[i-1])), text(s)+"\n"+text(list[i-1]))
			}
		}
	}
	return all
}

// isClause reports whether a statement is a case: they may mostly stand in any
// order.
func isClause(s ast.Stmt) bool {
	switch s.(type) {
	case *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

// A span is some source text.
type span struct{ from, to token.Pos }

func (s *span) Pos() token.Pos { return s.from }
func (s *span) End() token.Pos { return s.to }

// idle reports whether a statement does nothing in a program: a point where tests
// change the schedule.
func idle(text string) bool { return text == "Yield()" || text == "park.Yield()" }

// brief is the first line of a statement.
func brief(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		line += " …"
	}
	return "«" + strings.TrimSpace(line) + "»"
}

// The mutator itself makes what it says.
func TestMutate(t *testing.T) {
	const src = `package p

func f() {
	a()
	park.Yield()
	if b() {
		c()
	}
	d()
}
`
	var got []string
	for _, m := range mutate(t, "p.go", src) {
		body := strings.Join(strings.Fields(strings.TrimPrefix(m.text, "package p\n\nfunc f()")), " ")
		got = append(got, m.String()+" = "+body)
	}
	want := []string{
		"p.go:4: without «a()» = { park.Yield() if b() { c() } d() }",
		"p.go:6: without «if b() { …» = { a() park.Yield() d() }",
		"p.go:9: without «d()» = { a() park.Yield() if b() { c() } }",
		"p.go:6: first «d()» and then «if b() { …» = { a() park.Yield() d() if b() { c() } }",
		"p.go:7: without «c()» = { a() park.Yield() if b() { } d() }",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
