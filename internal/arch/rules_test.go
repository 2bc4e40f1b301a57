package arch

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/corral-go/corral"

// layers says, for a folder and what is below it, which of our packages it may
// import: those named, and below those that end in a slash. The longest folder
// that fits applies. Only downwards: a package imports what stands before it.
var layers = []struct {
	dir  string
	uses []string
}{
	{"otelx", []string{"otelx/"}},
	{"internal", []string{"otelx", "internal/"}},
	{"internal/findings", []string{"otelx", "internal/", "scope"}},
	{"internal/invariant", []string{"otelx"}},
	{"scope", []string{"otelx", "internal/"}},
	{"scope/guest", []string{"otelx", "internal/", "scope"}},
	{"task", []string{"otelx", "internal/", "scope"}},
	{"sync", []string{"otelx", "internal/", "scope"}},
	{"wait", []string{"otelx", "internal/", "scope", "task"}},
	{"monitor", []string{"otelx", "internal/", "scope", "task", "wait", "sync"}},
	{"monitor/inspect", []string{"otelx", "internal/", "scope", "task", "wait", "sync", "monitor"}},
	{"testkit", []string{"otelx", "internal/", "scope/", "scope", "task", "wait", "sync", "monitor"}},
	{"examples", []string{"otelx", "scope/", "scope", "task", "wait", "sync", "monitor/", "monitor", "testkit"}},
}

// reserved says where alone a package of others (and one of ours that brings
// them in), with what is below it, may be imported by code that ships.
var reserved = []struct {
	pkg string
	in  []string
}{
	{"testing", []string{"testkit", "internal/invariant"}},
	{"github.com/stretchr/testify", []string{"testkit"}},
	{"go.uber.org/goleak", []string{"testkit"}},
	{"go.opentelemetry.io/otel/sdk", []string{"testkit", "internal/invariant", "examples"}},
	{"net/http", []string{"monitor/inspect", "examples"}},
	{"github.com/sourcegraph/conc", []string{"internal/executor"}},
	{module + "/internal/invariant", []string{"testkit"}},
}

// A source is one parsed file; dir is its folder, "." for the root.
type source struct {
	dir   string
	test  bool
	file  *ast.File
	where func(ast.Node) string
}

// load parses the Go files of the module in tree: not those of modules inside
// it, of testdata, or of folders that the go command does not look into.
func load(tree fs.FS) ([]source, error) {
	fset := token.NewFileSet()
	var sources []source
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "." {
				return nil
			}
			if base := d.Name(); base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		sources = append(sources, source{
			dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), file: file,
			where: func(n ast.Node) string { p := fset.Position(n.Pos()); return fmt.Sprintf("%s:%d", p.Filename, p.Line) },
		})
		return nil
	})
	return sources, err
}

// A rule returns what breaks it, each with its place.
type rule func([]source) []string

// downwards: imports of our own packages follow layers.
func downwards(sources []source) (broken []string) {
	for _, s := range sources {
		if s.test {
			continue
		}
		var uses []string
		best := -1
		for _, l := range layers {
			if within(s.dir, l.dir) && len(l.dir) > best {
				best, uses = len(l.dir), l.uses
			}
		}
		if best < 0 {
			broken = append(broken, fmt.Sprintf("%s: package %s has no place among the layers: give it one", s.where(s.file), s.dir))
			continue
		}
		for _, i := range s.file.Imports {
			to, ours := strings.CutPrefix(pathOf(i), module+"/")
			if ours && !slices.ContainsFunc(uses, func(u string) bool {
				return to == u || strings.HasSuffix(u, "/") && strings.HasPrefix(to, u)
			}) {
				broken = append(broken, fmt.Sprintf("%s: %s imports %s, which is not below it", s.where(i), s.dir, to))
			}
		}
	}
	return broken
}

// apart: packages of others that are reserved to some place stay there.
func apart(sources []source) (broken []string) {
	for _, s := range sources {
		if s.test {
			continue
		}
		for _, i := range s.file.Imports {
			for _, r := range reserved {
				if within(pathOf(i), r.pkg) && !slices.ContainsFunc(r.in, func(dir string) bool { return within(s.dir, dir) }) {
					broken = append(broken, fmt.Sprintf("%s: only %s may import %s", s.where(i), strings.Join(r.in, " and "), pathOf(i)))
				}
			}
		}
	}
	return broken
}

// oneGo: one way to run. There is at most one go statement in the library, and
// it is the executor's.
func oneGo(sources []source) (broken []string) {
	seen := 0
	for _, s := range sources {
		if s.test || within(s.dir, "examples") {
			continue
		}
		for n := range ast.Preorder(s.file) {
			if _, ok := n.(*ast.GoStmt); !ok {
				continue
			}
			if seen++; s.dir != "internal/executor" {
				broken = append(broken, s.where(n)+": a go statement outside internal/executor")
			} else if seen > 1 {
				broken = append(broken, s.where(n)+": a second go statement")
			}
		}
	}
	return broken
}

// starters are the functions and types that, at package level, would leave
// something running, or something shared by scopes (or synctest bubbles) that
// have nothing to do with each other.
var starters = map[string][]string{
	"sync":      {"Pool"},
	"time":      {"NewTicker", "NewTimer", "Tick", "After", "AfterFunc"},
	"os/signal": {"Notify", "NotifyContext"},
}

// asleep: nothing runs, and there is no channel or pool, before somebody opens
// a scope (R7). It looks at package-level variables and at init functions, and
// at function literals there that are called on the spot; not further.
func asleep(sources []source) (broken []string) {
	for _, s := range sources {
		if s.test || within(s.dir, "examples") {
			continue
		}
		names := importNames(s.file)
		for _, d := range s.file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			if v, ok := d.(*ast.GenDecl); isFunc && (f.Recv != nil || f.Name.Name != "init") || ok && v.Tok != token.VAR {
				continue
			}
			called := map[ast.Expr]bool{}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncLit:
					return called[n]
				case *ast.GoStmt:
					broken = append(broken, s.where(n)+": a goroutine is started when the package is loaded")
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && slices.Contains(starters[names[x.Name]], n.Sel.Name) {
						broken = append(broken, fmt.Sprintf("%s: %s.%s at package level", s.where(n), x.Name, n.Sel.Name))
					}
				case *ast.CallExpr:
					called[n.Fun] = true
					if isMakeChan(n) {
						broken = append(broken, s.where(n)+": a channel at package level")
					}
					if sel, ok := n.Fun.(*ast.SelectorExpr); ok && isFunc && slices.Contains([]string{"Go", "Run", "Start", "Serve"}, sel.Sel.Name) {
						broken = append(broken, fmt.Sprintf("%s: init calls %s", s.where(n), sel.Sel.Name))
					}
				}
				return true
			})
		}
	}
	return broken
}

// examplesRun: an Example without an Output comment is compiled and never run.
func examplesRun(sources []source) (broken []string) {
	for _, s := range sources {
		if !s.test {
			continue
		}
		for _, e := range doc.Examples(s.file) {
			if e.Output == "" && !e.EmptyOutput {
				broken = append(broken, fmt.Sprintf("%s: Example%s has no Output comment, so it never runs", s.where(e.Code), e.Name))
			}
		}
	}
	return broken
}

// awake: tests do not sleep for real. That a file which imports synctest, or
// testkit, sleeps inside a bubble only is left to its readers.
func awake(sources []source) (broken []string) {
	for _, s := range sources {
		names := importNames(s.file)
		imports := slices.Collect(maps.Values(names))
		if !s.test || slices.Contains(imports, "testing/synctest") || slices.Contains(imports, module+"/testkit") {
			continue
		}
		for n := range ast.Preorder(s.file) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				continue
			}
			if x, ok := sel.X.(*ast.Ident); ok && names[x.Name] == "time" {
				broken = append(broken, s.where(n)+": time.Sleep in a test without testing/synctest: wait for a state, or in a bubble")
			}
		}
	}
	return broken
}

// within reports whether name is dir or below it.
func within(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+"/")
}

func pathOf(i *ast.ImportSpec) string {
	p, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		panic("arch: internal error: the parser let an import path through: " + i.Path.Value)
	}
	return p
}

// importNames maps the names that file gives to packages to their paths.
func importNames(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, i := range file.Imports {
		name := path.Base(pathOf(i))
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = pathOf(i)
	}
	return names
}

func isMakeChan(c *ast.CallExpr) bool {
	f, ok := c.Fun.(*ast.Ident)
	if !ok || f.Name != "make" || len(c.Args) == 0 {
		return false
	}
	_, ok = c.Args[0].(*ast.ChanType)
	return ok
}
