package sync

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
