package sync

import "context"

// Option shapes a primitive. A nil Option is ignored.
type Option interface{ applySync() }

type nameOption string

func (nameOption) applySync() {}

// Name names a primitive, in spans, metrics and the live tree. Keep it of low
// cardinality.
func Name(name string) Option { return nameOption(name) }

func nameOf(opts []Option) string {
	name := ""
	for _, o := range opts {
		if o, ok := o.(nameOption); ok {
			name = string(o)
		}
	}
	return name
}

// mustHave refuses a nil ctx.
func mustHave(ctx context.Context, call string) {
	if ctx == nil {
		panic("sync: " + call + " with a nil ctx: pass the ctx of the scope or task that calls")
	}
}
