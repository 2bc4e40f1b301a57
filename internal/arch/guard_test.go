package arch

import (
	"fmt"
	"go/ast"
	"strings"
)

// exempt in the doc comment of a test says that it goes without a guard, and
// why.
const exempt = "Unguarded:"

// guarded: our tests use what we ship. In each package whose tests import one of
// ours, TestMain calls testkit.Main, and every test calls testkit.Guard, itself or through a function of the package's tests.
// A call that is only on some paths counts: what is looked for is the forgotten
// one.
func guarded(sources []source) (broken []string) {
	packages := map[string][]source{}
	for _, s := range sources {
		if s.test && !within(s.dir, "examples") {
			packages[s.dir] = append(packages[s.dir], s)
		}
	}
	for _, s := range sources { // in their order
		files := packages[s.dir]
		delete(packages, s.dir)
		if !spawns(files) {
			continue
		}
		if !calls(files, "Main")["TestMain"] {
			broken = append(broken, fmt.Sprintf("%s: the tests have no TestMain with testkit.Main", s.dir))
		}
		guards := calls(files, "Guard")
		for _, f := range files {
			for _, d := range f.file.Decls {
				test, ok := d.(*ast.FuncDecl)
				if ok && isTest(test) && !guards[test.Name.Name] && !strings.Contains(test.Doc.Text(), exempt) {
					broken = append(broken, fmt.Sprintf("%s: %s has no guard: begin it with testkit.Guard(t)", f.where(test), test.Name.Name))
				}
			}
		}
	}
	return broken
}

// spawns reports whether tests may leave something behind: those that import a
// package of ours.
func spawns(files []source) bool {
	for _, f := range files {
		for _, i := range f.file.Imports {
			if within(pathOf(i), module) {
				return true
			}
		}
	}
	return false
}

// calls returns the functions in files that call testkit's function of that name,
// or another function that does.
func calls(files []source, name string) map[string]bool {
	by := map[string]map[string]bool{} // who is called by whom
	for _, f := range files {
		names := importNames(f.file)
		for _, d := range f.file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for n := range ast.Preorder(fn) {
				if call, ok := n.(*ast.CallExpr); ok {
					to := calleeOf(call, names)
					if by[to] == nil {
						by[to] = map[string]bool{}
					}
					by[to][fn.Name.Name] = true
				}
			}
		}
	}
	done := map[string]bool{}
	next := []string{module + "/testkit." + name}
	for len(next) > 0 {
		to := next[0]
		next = next[1:]
		for caller := range by[to] {
			if !done[caller] {
				done[caller] = true
				next = append(next, caller)
			}
		}
	}
	return done
}

// calleeOf names a function that is called: one of the package, or one of another
// with that one's path; "" for anything else.
func calleeOf(call *ast.CallExpr, names map[string]string) string {
	to := ast.Unparen(call.Fun)
	if generic, ok := to.(*ast.IndexExpr); ok {
		to = generic.X
	}
	switch to := to.(type) {
	case *ast.Ident:
		return to.Name
	case *ast.SelectorExpr:
		if x, ok := to.X.(*ast.Ident); ok && names[x.Name] != "" {
			return names[x.Name] + "." + to.Sel.Name
		}
	}
	return ""
}

// isTest reports whether f is a test of package testing.
func isTest(f *ast.FuncDecl) bool {
	if f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
		return false
	}
	params := f.Type.Params.List
	if len(params) != 1 {
		return false
	}
	star, ok := params[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "T"
}
