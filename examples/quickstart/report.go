package main

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/trace"
)

// A result is what came of one file.
type result struct {
	name string
	size int64
	sum  [sha256.Size]byte
	took time.Duration // to open, read and hash it
	err  error         // not nil: it could not be read
}

// A report is what came of a run. It does not grow with the number of files.
type report struct {
	began       time.Time
	took        time.Duration
	workers     int
	interrupted bool          // a signal ended it early
	trace       trace.TraceID // of the run's spans

	files, unread int
	bytes         int64
	fingerprint   [sha256.Size]byte
	slowest       []result // at most keepSlowest, slowest first
	skipped       []result // the first keepSkipped
}

const (
	keepSlowest = 5
	keepSkipped = 20
)

func (r *report) add(f result) {
	if f.err != nil {
		r.unread++
		if len(r.skipped) < keepSkipped {
			r.skipped = append(r.skipped, f)
		}
		return
	}
	r.files++
	r.bytes += f.size

	// Order must not matter, files end in any: hence the exclusive or.
	h := sha256.Sum256(append([]byte(f.name+"\x00"), f.sum[:]...))
	for i := range h {
		r.fingerprint[i] ^= h[i]
	}

	at, _ := slices.BinarySearchFunc(r.slowest, f, func(a, b result) int { return cmp.Compare(b.took, a.took) })
	r.slowest = slices.Insert(r.slowest, at, f)
	r.slowest = r.slowest[:min(len(r.slowest), keepSlowest)]
}

// write prints the report, except for what the spans tell.
func (r *report) write(w io.Writer, dir string, complete bool) {
	fmt.Fprintf(w, "hashed %s files, %s, below %s in %s, at most %d at a time\n",
		thousands(int64(r.files)), bytesText(r.bytes), printable(dir), durationText(r.took), r.workers)
	if complete {
		fmt.Fprintf(w, "fingerprint %x (the same for the same names and contents)\n", r.fingerprint[:8])
	} else {
		fmt.Fprintln(w, "incomplete: it ended early; what follows is about the part that was done")
	}
	if len(r.slowest) > 0 {
		fmt.Fprintf(w, "\nSLOWEST FILES: to open, read and hash\n")
		for _, f := range r.slowest {
			fmt.Fprintf(w, "%9s %9s  %s\n", durationText(f.took), bytesText(f.size), shortenPath(printable(f.name), 60))
		}
	}
	if r.unread > 0 {
		fmt.Fprintf(w, "\nNOT READ: %s\n", thousands(int64(r.unread)))
		for _, f := range r.skipped {
			fmt.Fprintf(w, "  %s: %v\n", printable(f.name), reasonOf(f.err))
		}
		if more := r.unread - len(r.skipped); more > 0 {
			fmt.Fprintf(w, "  … and %s more\n", thousands(int64(more)))
		}
	}
}

// reasonOf is a read error without the name, which stands beside it.
func reasonOf(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// writeWaits prints what was waited for longest: the blocked operations of the
// span tree, one line for an operation on an object by spans of one name.
func writeWaits(w io.Writer, waits []wait) {
	fmt.Fprintf(w, "\nWHAT IT WAITED FOR: operations that blocked, by who and on what\n")
	if len(waits) == 0 {
		fmt.Fprintln(w, "  nothing")
		return
	}
	who, what := 0, 0
	for _, x := range waits {
		who, what = max(who, textWidth(x.who)), max(what, textWidth(x.what))
	}
	fmt.Fprintf(w, "%9s %8s %8s\n", "total", "times", "longest")
	for _, x := range waits {
		fmt.Fprintf(w, "%9s %8s %8s  %-*s  %-*s  %s\n", durationText(x.total), "×"+thousands(int64(x.count)), durationText(x.max),
			who, x.who, what, x.what, x.why())
	}
}

// why says in words what a wait means.
func (x wait) why() string {
	op, _, _ := strings.Cut(x.what, " ")
	switch op {
	case "put":
		return "the queue was full: what takes from it is slower"
	case "get":
		return "the queue was empty: what fills it is slower"
	case "start":
		return "no turn of its Limit, or no processor, was free"
	}
	return ""
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// durationText prints about three digits of a duration.
func durationText(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(time.Microsecond).String()
	}
	return d.String()
}

// printable quotes a name that would do something to the terminal.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

func textWidth(s string) int { return len([]rune(s)) }

// shorten cuts the end of s so that it has at most n characters.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// shortenPath cuts the beginning.
func shortenPath(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return "…" + string(r[len(r)-n+1:])
	}
	return s
}
