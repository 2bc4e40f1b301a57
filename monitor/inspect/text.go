package inspect

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/corral-go/corral/internal/findings"
)

// text is text of the program's: of any content and length when it comes, valid
// UTF-8 of bounded length when it goes.
type text string

// clean makes a text of s.
func clean(s string) text {
	s = findings.Cut(s)
	if utf8.ValidString(s) {
		return text(s)
	}
	return text(strings.ToValidUTF8(s, "\uFFFD"))
}

func cleanAll(list []string, most int) []text {
	if len(list) == 0 {
		return nil
	}
	out := make([]text, min(most, len(list)))
	for i := range out {
		out[i] = clean(list[i])
	}
	return out
}

// MarshalJSON escapes everything that is not to be seen: encoding/json leaves
// what steers a terminal (U+009B), or turns the direction of what follows
// (U+202E), as it is, and people look at JSON in terminals.
func (t text) MarshalJSON() ([]byte, error) {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(t)+2)
	b = append(b, '"')
	escape := func(r uint16) {
		b = append(b, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	for _, r := range string(t) {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case unicode.IsPrint(r) && r != '<' && r != '>' && r != '&':
			b = utf8.AppendRune(b, r)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			escape(uint16(hi))
			escape(uint16(lo))
		default:
			escape(uint16(r))
		}
	}
	return append(b, '"'), nil
}
