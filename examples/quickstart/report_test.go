package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corral-go/corral/scope"
)

func TestReport(t *testing.T) {
	r := &report{workers: 4, took: 1234567 * time.Microsecond}
	for i, name := range []string{"a", "b\x1b[2J", "c", "d", "e", "f", strings.Repeat("long/", 20) + "g"} {
		r.add(result{name: name, size: 1 << (5 * i), took: time.Duration(i%4+1) * 9876 * time.Microsecond})
	}
	for range keepSkipped + 3 {
		r.add(result{name: "x\n", err: &fs.PathError{Op: "open", Path: "/x\n", Err: fs.ErrPermission}})
	}
	r.add(result{name: "y", err: errors.New("not counted among the first")})
	var out bytes.Buffer
	r.write(&out, "a\tb", true)
	out.WriteString("\n---\n\n")
	r.write(&out, "/", false)
	golden(t, "report.txt", out.Bytes())
}

func TestFingerprintKnowsNoOrder(t *testing.T) {
	a, b := result{name: "a", sum: [32]byte{1}}, result{name: "b", sum: [32]byte{2}}
	var ab, ba, swapped report
	ab.add(a)
	ab.add(b)
	ba.add(b)
	ba.add(a)
	a.sum, b.sum = b.sum, a.sum
	swapped.add(a)
	swapped.add(b)
	if ab.fingerprint != ba.fingerprint || ab.fingerprint == swapped.fingerprint {
		t.Error("order matters, or contents do not")
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 123_456_789: "123.5 MB", 5e9: "5.0 GB", 7e15: "7000.0 TB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 12: "12ns", 12345: "12µs", 1234567: "1.2ms", 12345678: "12ms", 1234567890: "1.23s", 12345678901: "12.3s",
		83 * time.Second: "1m23s",
	} {
		if got := durationText(d); got != want {
			t.Errorf("durationText(%d) = %q, want %q", d, got, want)
		}
	}
	if got := shorten("äöüß", 3); got != "äö…" {
		t.Errorf("shorten: %q", got)
	}
	if got := shortenPath("äöüß", 3); got != "…üß" {
		t.Errorf("shortenPath: %q", got)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		var p progress
		p.found.Store(1500)
		err := scope.Run(t.Context(), func(ctx context.Context) error {
			scope.Go(ctx, p.showOn(&out), scope.Background())
			if err := scope.Sleep(ctx, 150*time.Millisecond); err != nil {
				return err
			}
			p.add(result{size: 2_000_000})
			scope.From(ctx).Shutdown(errors.New("enough"), time.Hour)
			return scope.Sleep(ctx, 100*time.Millisecond)
		})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, l := range strings.Split(out.String(), "\r") {
			lines = append(lines, strings.TrimRight(l, " "))
		}
		want := []string{"", "hashed 0 of 1,500 files found, 0 B", "hashed 1 of 1,500 files found, 2.0 MB; stopping (Ctrl-C again: at once)", "", ""}
		if strings.Join(lines, "|") != strings.Join(want, "|") {
			t.Errorf("got %q, want %q", lines, want)
		}
	})
}

func TestNoProgressInAFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, w := range []io.Writer{f, null, new(bytes.Buffer)} {
		if isTerminal(w) {
			t.Errorf("%T is taken for a terminal", w)
		}
	}
}
