package findings

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of a text that comes from the program is shown.
const maxText = 512

// Quote makes a name or path safe to show in a line of text: as it is if it is
// made of letters, digits and common signs; else quoted, with control and
// invisible characters and invalid UTF-8 escaped, so that it cannot pass for
// something else, or steer a terminal.
func Quote(s string) string {
	s = Cut(s)
	if s == "" || strings.ContainsFunc(s, special) || !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	return s
}

func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/:+*@#[]…", r)
}

// Cut shortens s to maxText bytes, and says so.
func Cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	i := maxText
	for i > maxText-utf8.UTFMax && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i] + "…"
}

// String is s in quotes, for a name that stands beside words of ours.
func String(s string) string { return strconv.Quote(Cut(s)) }

// object names what is waited for: its kind, and its name in quotes.
func object(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + String(name)
}
