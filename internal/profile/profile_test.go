package profile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/internal/profile"

	"github.com/corral-go/corral/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// What the runtime writes of a goroutine with labels is read as it was: its
// stack, its labels, its number.
func TestParse(t *testing.T) {
	testkit.Guard(t)
	var b bytes.Buffer
	pprof.Do(context.Background(), pprof.Labels("task", "a/b", "id", "7"), func(context.Context) {
		outer(func() { require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 0)) })
	})
	samples, err := profile.Parse(b.Bytes())
	require.NoError(t, err)

	found := 0
	for _, s := range samples {
		require.Len(t, s.Values, 1)
		if s.Label("task") != "a/b" {
			continue
		}
		found++
		require.Equal(t, "7", s.Label("id"))
		require.Empty(t, s.Label("other"))
		require.EqualValues(t, 1, s.Values[0])
		var at []string
		for _, f := range s.Stack {
			at = append(at, f.Function)
			if f.Function == "github.com/corral-go/corral/internal/profile_test.outer" {
				require.Contains(t, f.File, "profile_test.go")
				require.Positive(t, f.Line)
			}
		}
		require.Contains(t, at, "github.com/corral-go/corral/internal/profile_test.outer")
		require.Equal(t, "testing.tRunner", at[len(at)-1], "the outermost call is last")
	}
	require.Equal(t, 1, found)
}

//go:noinline
func outer(f func()) { f() }

// Whatever is read, there is an error or samples, and no panic.
func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 0)
	f.Add(unzip(b.Bytes()))
	f.Add([]byte{0x12, 0x02, 0x0a, 0x05})
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write(raw)
		_ = w.Close()
		_, _ = profile.Parse(z.Bytes())
	})
}

func unzip(b []byte) []byte {
	r, _ := gzip.NewReader(bytes.NewReader(b))
	var out bytes.Buffer
	_, _ = out.ReadFrom(r)
	return out.Bytes()
}

// Damaged data is an error.
func TestParseBad(t *testing.T) {
	testkit.Guard(t)
	for _, raw := range [][]byte{nil, []byte("text"), {0x1f, 0x8b}} {
		_, err := profile.Parse(raw)
		require.ErrorContains(t, err, "profile: ")
	}
	for _, raw := range [][]byte{{0x80}, {0x12, 0x05, 0}, {0x12}, {0x09, 1}, {0x12, 0x01, 0x80}, {0x08, 0x80}, {0x12, 0x03, 0x0a, 0x01, 0x80}} {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write(raw)
		require.NoError(t, w.Close())
		_, err := profile.Parse(z.Bytes())
		require.ErrorContains(t, err, "profile: not what", "%x", raw)
	}
}
