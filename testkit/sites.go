package testkit

import (
	"fmt"
	"runtime"
	"strings"
)

// own are the packages whose frames do not say where a user's code is.
var own = []string{
	"github.com/corral-go/corral/scope.", "github.com/corral-go/corral/task.", "github.com/corral-go/corral/wait.",
	"github.com/corral-go/corral/sync.", "github.com/corral-go/corral/scope/guest.", "github.com/corral-go/corral/internal/", "runtime.",
}

// site names the place in the user's code that a stack comes from: the first
// frame that is not ours, or the last of ours.
func site(pcs []uintptr) string {
	if len(pcs) == 0 {
		return ""
	}
	frames := runtime.CallersFrames(pcs)
	last := ""
	for {
		f, more := frames.Next()
		if f.Function != "" {
			at := fmt.Sprintf("%s:%d (%s)", f.File, f.Line, f.Function)
			if !isOwn(f.Function) {
				return at
			}
			last = at
		}
		if !more {
			return last
		}
	}
}

func isOwn(function string) bool {
	for _, p := range own {
		if strings.HasPrefix(function, p) {
			return true
		}
	}
	return false
}
