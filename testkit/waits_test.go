package testkit_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/park"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// waitingDirs are the packages that wait through package park.
var waitingDirs = []string{"scope", "scope/guest", "task", "sync", "wait"}

// The programs come to every place in the library where a wait begins, or parks.
func TestProgramsComeToEveryWait(t *testing.T) {
	testkit.Guard(t)
	seen := placesSeen(t)
	sites := waitSites(t)
	require.Greater(t, len(sites), 40, "sites were found")
	for _, site := range sites {
		require.True(t, seen[site], "no program in library_test.go waits at %s: write one", site)
	}
}

// placesSeen runs the programs, and returns file:line of everything that is on
// the stack when they wait.
func placesSeen(t *testing.T) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	look := func() (claimed bool) {
		pcs := make([]uintptr, 32)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
		mu.Lock()
		defer mu.Unlock()
		for {
			f, more := frames.Next()
			seen[place(f.File, f.Line)] = true
			claimed = claimed || strings.HasSuffix(f.Function, "task.(*Future[...]).settle")
			if !more {
				return claimed
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		park.SetFault(func(context.Context, park.Step) error { look(); return nil })
		park.SetSchedule(func() { // what cannot be cancelled comes by here only
			if look() { // the other who sets it comes meanwhile
				time.Sleep(time.Microsecond)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			require.NoError(t, scope.Run(bg, func(ctx context.Context) error { return programs[name](t, ctx) }), name)
		})
		park.SetSchedule(nil)
		park.SetFault(nil)
	}
	return seen
}

func place(file string, line int) string {
	return fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(file)), filepath.Base(file), line)
}

// waitSites returns file:line of every call with which a wait begins or parks.
func waitSites(t *testing.T) (sites []string) {
	t.Helper()
	for _, dir := range waitingDirs {
		eachCall(t, dir, func(call *ast.CallExpr, _ string, at token.Position) {
			if waits(call) {
				sites = append(sites, place(at.Filename, at.Line))
			}
		})
	}
	return sites
}

// eachCall goes through the calls in a package, with the function each is in.
func eachCall(t *testing.T, dir string, f func(call *ast.CallExpr, in string, at token.Position)) {
	t.Helper()
	fset := token.NewFileSet()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for n := range ast.Preorder(fn) {
				if call, ok := n.(*ast.CallExpr); ok {
					f(call, fn.Name.Name, fset.Position(call.Pos()))
				}
			}
		}
	}
}

// waysToWait are the functions and methods of package park that begin a wait or
// park, with what a call of theirs stands behind in our code.
var waysToWait = map[string][]string{
	"Enter":       {"park"},
	"BeginUntold": {"op"},
	"Sleep":       {"park"},
	"Begin":       {"op"},
	"Wait":        {"park", "op"},
	"WaitFor":     {"op"},
	"Join":        {"park", "op", "latch"},
	"Await":       {"latch", "over"},
}

func waits(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of := ""
	switch x := f.X.(type) {
	case *ast.Ident:
		of = x.Name
	case *ast.SelectorExpr:
		of = x.Sel.Name
	}
	return slices.Contains(waysToWait[f.Sel.Name], of)
}

// The list of ways to wait is whole: no other exported function of package park
// parks, or asks whether a wait may begin.
func TestWaysToWaitAreKnown(t *testing.T) {
	testkit.Guard(t)
	by := map[string][]string{}
	eachCall(t, "internal/park", func(call *ast.CallExpr, in string, _ token.Position) {
		name := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			if _, ok := f.X.(*ast.Ident); ok { // else it is a method of somebody else's
				name = f.Sel.Name
			}
		}
		by[name] = append(by[name], in)
	})
	found := map[string]bool{}
	next := []string{"parking", "atStep"}
	for len(next) > 0 {
		callee := next[0]
		next = next[1:]
		for _, caller := range by[callee] {
			if !found[caller] {
				found[caller] = true
				next = append(next, caller)
			}
		}
	}
	var exported []string
	for name := range found {
		if ast.IsExported(name) {
			exported = append(exported, name)
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(waysToWait)), exported)
}
