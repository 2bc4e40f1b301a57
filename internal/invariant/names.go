package invariant

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
)

// Kinds is the closed list of the words that the names of our spans begin with,
// for each instrumentation scope.
var Kinds = map[string][]string{
	otelx.ScopeName:    {"scope", "task", "future", "process", "shutdown"},
	otelx.OpsScopeName: {"put", "get", "await", "acquire"},
}

// Attributes is the closed list of the keys of our spans and of their events. A
// test of package otelx compares it with the tables there.
var Attributes = []string{
	"code.function.name",
	"corral.cancel.duration", "corral.cancel.kind", "corral.cancel.reached", "corral.cancel.reason",
	"corral.cancel.scope", "corral.cancel.task",
	"corral.critical.path", "corral.critical.task",
	"corral.future.name",
	"corral.op.blocked", "corral.op.count", "corral.op.max", "corral.op.time",
	"corral.queue.name", "corral.queue.size",
	"corral.scope.name", "corral.scope.path",
	"corral.task.background", "corral.task.id", "corral.task.name", "corral.task.result",
	"corral.task.schedule_delay", "corral.task.wait_time",
	"corral.wait.top",
	"error.type",
	"exception.message", "exception.stacktrace", "exception.type",
}

// events is the closed list of the names of events.
var events = []string{"corral.cancel", "corral.task.exception"}

// foreignNames says what of a span is not from the closed lists. Spans of
// others may be called as they like; and to the span of a task or scope, which
// user code can reach through its ctx, it may add what is not named as ours is.
func foreignNames(s sdktrace.ReadOnlySpan, say func(format string, args ...any)) {
	kinds, ours := Kinds[s.InstrumentationScope().Name]
	if !ours {
		return
	}
	if !slices.Contains(kinds, kindOf(s.Name())) {
		say("span %q is not of the closed list of %s", s.Name(), s.InstrumentationScope().Name)
	}
	leaf := s.InstrumentationScope().Name == otelx.OpsScopeName
	users := func(name string) bool { return !leaf && !strings.HasPrefix(name, "corral.") }
	for _, kv := range s.Attributes() {
		if _, known := slices.BinarySearch(Attributes, string(kv.Key)); !known && !users(string(kv.Key)) {
			say("span %q has the attribute %s, which is not of the closed list", s.Name(), kv.Key)
		}
	}
	for _, e := range s.Events() {
		if !slices.Contains(events, e.Name) && (e.Name == "exception" || !users(e.Name)) {
			say("span %q has the event %s, which is not of the closed list", s.Name(), e.Name)
		}
	}
	if s.Status().Code == codes.Ok {
		say("span %q has the status Ok, which is the application's word", s.Name())
	}
}

// kindOf is the first word of a span's name.
func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, " ")
	return kind
}

// retroactive reports whether the span is made when all is over, with the times
// that it had: its parent may end meanwhile.
func retroactive(scope, name string) bool {
	return scope == otelx.OpsScopeName || scope == otelx.ScopeName && kindOf(name) == "future"
}
