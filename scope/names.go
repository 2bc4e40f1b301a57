package scope

import (
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// lastID numbers scopes and tasks; 0 is never used.
var lastID atomic.Uint64

// derived caches names by code pointer. It grows with the program's code, not
// with its run.
var derived sync.Map // uintptr → string

// codeOf returns the code pointer of a function.
func codeOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }

// nameOf derives a name from a function: its name without the package, and
// without what the compiler adds to generic functions and method values (R48).
func nameOf(fn uintptr) string {
	if name, ok := derived.Load(fn); ok {
		return name.(string)
	}
	name := ""
	if f := runtime.FuncForPC(fn); f != nil {
		name = f.Name()
		name = name[strings.LastIndexByte(name, '/')+1:]
		name = name[strings.IndexByte(name, '.')+1:]
		name = strings.TrimSuffix(name, "-fm")
		name = strings.NewReplacer("[...]", "", "(*", "", ")", "", "/", "_").Replace(name)
	}
	derived.Store(fn, name)
	return name
}

// join joins two parts of a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
