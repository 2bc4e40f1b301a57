// Package profile reads what runtime/pprof writes: the stacks, values and labels
// of the samples of a profile, and nothing else of profile.proto.
package profile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Sample is a stack with what was measured there.
type Sample struct {
	Stack  []Frame // the innermost call first
	Values []int64 // for CPU: samples, nanoseconds; for goroutines: their number
	Labels []Label
}

// A Frame is one call in a stack.
type Frame struct {
	Function string
	File     string
	Line     int
}

// A Label is a label of the goroutine that a sample is of.
type Label struct{ Key, Value string }

// Label returns the value of the label key, or "".
func (s *Sample) Label(key string) string {
	for _, l := range s.Labels {
		if l.Key == key {
			return l.Value
		}
	}
	return ""
}

// Parse reads a profile as runtime/pprof writes it, compressed.
func Parse(data []byte) ([]Sample, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	var p parser
	if err := fields(raw, p.top); err != nil {
		return nil, err
	}
	return p.resolve()
}

var errBad = errors.New("profile: not what runtime/pprof writes")

// The messages of profile.proto, by their field numbers. Numbers in them are
// indices into strings, or ids of functions and locations.
type (
	parser struct {
		strings   []string
		samples   []sample
		locations map[uint64][]line
		functions map[uint64]function
	}
	sample struct {
		locations []uint64
		values    []uint64
		labels    []label
	}
	label    struct{ key, value uint64 }
	line     struct{ function, number uint64 }
	function struct{ name, file uint64 }
)

func (p *parser) top(n int, v uint64, b []byte) error {
	switch n {
	case 2:
		var s sample
		err := fields(b, s.field)
		p.samples = append(p.samples, s)
		return err
	case 4:
		return p.location(b)
	case 5:
		var id uint64
		var f function
		err := fields(b, func(n int, v uint64, _ []byte) error {
			switch n {
			case 1:
				id = v
			case 2:
				f.name = v
			case 4:
				f.file = v
			}
			return nil
		})
		if p.functions == nil {
			p.functions = map[uint64]function{}
		}
		p.functions[id] = f
		return err
	case 6:
		p.strings = append(p.strings, string(b))
	}
	return nil
}

func (p *parser) location(b []byte) error {
	var id uint64
	var lines []line
	err := fields(b, func(n int, v uint64, b []byte) error {
		switch n {
		case 1:
			id = v
		case 4:
			var l line
			err := fields(b, func(n int, v uint64, _ []byte) error {
				switch n {
				case 1:
					l.function = v
				case 2:
					l.number = v
				}
				return nil
			})
			lines = append(lines, l)
			return err
		}
		return nil
	})
	if p.locations == nil {
		p.locations = map[uint64][]line{}
	}
	p.locations[id] = lines
	return err
}

func (s *sample) field(n int, v uint64, b []byte) error {
	switch n {
	case 1:
		return numbers(&s.locations, v, b)
	case 2:
		return numbers(&s.values, v, b)
	case 3:
		var l label
		err := fields(b, func(n int, v uint64, _ []byte) error {
			switch n {
			case 1:
				l.key = v
			case 2:
				l.value = v
			}
			return nil
		})
		s.labels = append(s.labels, l)
		return err
	}
	return nil
}

// resolve puts names in the place of numbers.
func (p *parser) resolve() ([]Sample, error) {
	text := func(i uint64) string {
		if i < uint64(len(p.strings)) {
			return p.strings[i]
		}
		return ""
	}
	samples := make([]Sample, 0, len(p.samples))
	for _, s := range p.samples {
		var out Sample
		for _, id := range s.locations {
			for _, l := range p.locations[id] {
				f := p.functions[l.function]
				out.Stack = append(out.Stack, Frame{text(f.name), text(f.file), int(l.number)})
			}
		}
		for _, v := range s.values {
			out.Values = append(out.Values, int64(v))
		}
		for _, l := range s.labels {
			out.Labels = append(out.Labels, Label{text(l.key), text(l.value)})
		}
		samples = append(samples, out)
	}
	return samples, nil
}

// numbers appends a repeated number: one, or packed.
func numbers(to *[]uint64, v uint64, packed []byte) error {
	if packed == nil {
		*to = append(*to, v)
		return nil
	}
	for len(packed) > 0 {
		v, n := binary.Uvarint(packed)
		if n <= 0 {
			return errBad
		}
		*to = append(*to, v)
		packed = packed[n:]
	}
	return nil
}

// fields calls f for each field of a message: with its number, and its value or,
// for one with a length, its bytes (then not nil).
func fields(b []byte, f func(n int, v uint64, b []byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errBad
		}
		b = b[n:]
		var v uint64
		var bytes []byte
		switch tag & 7 {
		case 0:
			if v, n = binary.Uvarint(b); n <= 0 {
				return errBad
			}
			b = b[n:]
		case 2:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errBad
			}
			bytes = b[n : n+int(size) : n+int(size)]
			b = b[n+int(size):]
		default: // fixed numbers, which profile.proto does without
			return errBad
		}
		if err := f(int(tag>>3), v, bytes); err != nil {
			return err
		}
	}
	return nil
}
