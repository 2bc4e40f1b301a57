package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A terminal is a board on a simulated screen, with its loop on a locked thread.
type terminal struct {
	*testing.T
	screen tcell.SimulationScreen
	board  *board
	over   chan guest.Outcome[summary]
}

func open(t *testing.T, ctx context.Context, urls ...string) *terminal { //nolint:revive // as in testing
	screen := tcell.NewSimulationScreen("UTF-8")
	require.NoError(t, screen.Init())
	screen.SetSize(120, 20)
	term := &terminal{T: t, screen: screen, board: newBoard(screen, urls), over: make(chan guest.Outcome[summary], 1)}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread := gettid()
		term.board.touch = func() {
			if gettid() != thread {
				t.Error("a widget was touched on another thread")
			}
		}
		v, err := term.board.show(ctx)
		term.over <- guest.Outcome[summary]{Value: v, Err: err}
	}()
	return term
}

// text is what stands on the screen. The loop's thread reads it.
func (t *terminal) text() string {
	var b strings.Builder
	t.board.app.QueueUpdate(func() { t.read(&b) })
	return b.String()
}

func (t *terminal) read(b *strings.Builder) {
	cells, width, _ := t.screen.GetContents()
	for i, c := range cells {
		if len(c.Runes) > 0 {
			b.WriteRune(c.Runes[0])
		}
		if (i+1)%width == 0 {
			b.WriteByte('\n')
		}
	}
}

// shows waits until the screen does.
func (t *terminal) shows(what ...string) {
	t.Helper()
	for _, w := range what {
		for patience := time.Now().Add(time.Minute); !strings.Contains(t.text(), w); runtime.Gosched() {
			require.True(t, time.Now().Before(patience), "%q is not in\n%s", w, t.text())
		}
	}
}

func (t *terminal) press(key rune) { t.screen.InjectKey(tcell.KeyRune, key, tcell.ModNone) }

// gates serves pages that wait until they are let go.
func gates(t *testing.T) (url func(page string) string, let func(page string)) {
	pages := map[string]chan struct{}{"/a": make(chan struct{}, 9), "/b": make(chan struct{}, 9)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gate, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		select {
		case <-gate:
			fmt.Fprint(w, "content")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	return func(page string) string { return s.URL + page }, func(page string) { pages[page] <- struct{}{} }
}

// Pages come in while the terminal stays alive; one that fails disturbs nobody.
func TestPagesComeIn(t *testing.T) {
	url, let := gates(t)
	term := open(t, context.Background(), url("/a"), url("/b"), url("/c"))
	term.shows("fetches   "+url("/a"), "fetches   "+url("/b"), "failed    "+url("/c"), "1 of 3", help)
	let("/b")
	term.shows("done      "+url("/b")+"  7 bytes", "fetches   "+url("/a"), "2 of 3")
	let("/a")
	term.shows("done      "+url("/a")+"  7 bytes", "done: 2 pages, 14 bytes")
	term.press('q')
	require.Equal(t, guest.Outcome[summary]{Value: summary{pages: 2, bytes: 14}}, <-term.over)
}

// A key cancels what is under way and begins anew; another one quits, and
// everything has ended by then.
func TestKeys(t *testing.T) {
	url, let := gates(t)
	term := open(t, context.Background(), url("/a"), url("/b"))
	let("/a")
	term.shows("done      "+url("/a"), "fetches   "+url("/b"))
	term.press('x')
	term.press('r')
	term.shows("fetches   "+url("/a"), "fetches   "+url("/b"), "0 of 2")
	term.screen.InjectKey(tcell.KeyCtrlC, 0, tcell.ModCtrl)
	require.Equal(t, guest.Outcome[summary]{}, <-term.over)
	require.Empty(t, scope.Snapshots())
}

// Cancelled from outside, it ends as well.
func TestCanceledFromOutside(t *testing.T) {
	url, _ := gates(t)
	ctx, cancel := context.WithCancel(context.Background())
	term := open(t, ctx, url("/a"))
	term.shows("fetches   " + url("/a"))
	cancel()
	out := <-term.over
	require.ErrorIs(t, out.Err, context.Canceled)
}
