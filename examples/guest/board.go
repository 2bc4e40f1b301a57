package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/scope/guest"
	csync "github.com/corral-go/corral/sync"
)

// A board shows a table of pages. Its fields and widgets belong to the thread of
// the terminal's loop: to the loop itself, and to the host tasks below.
type board struct {
	app    *tview.Application
	table  *tview.Table
	status *tview.TextView
	urls   []string
	keys   *csync.Queue[rune] // from the loop to the tasks
	sum    summary
	ended  int // pages that were fetched, or have failed
	touch  func()
}

type summary struct{ pages, bytes int }

const help = "r: again  q: quit"

func newBoard(screen tcell.Screen, urls []string) *board {
	b := &board{
		app: tview.NewApplication().SetScreen(screen), table: tview.NewTable(), status: tview.NewTextView(),
		urls: urls, keys: csync.NewQueue[rune](0, csync.Name("keys")), touch: func() {},
	}
	b.app.SetRoot(tview.NewFlex().SetDirection(tview.FlexRow).AddItem(b.table, 0, 1, true).AddItem(b.status, 1, 0, false), true)
	b.app.SetInputCapture(b.key)
	return b
}

// key is called by the loop for every key. It must not wait, and need not: the
// queue is unbounded.
func (b *board) key(e *tcell.EventKey) *tcell.EventKey {
	switch {
	case e.Key() == tcell.KeyCtrlC: // would end the loop under its tasks
		_ = b.keys.TryPut(context.Background(), 'q')
		return nil
	case e.Key() == tcell.KeyRune:
		_ = b.keys.TryPut(context.Background(), e.Rune())
	}
	return e
}

// show runs the loop, on the calling goroutine, with the tasks as its guest.
func (b *board) show(ctx context.Context) (summary, error) {
	var out guest.Outcome[summary]
	host := guest.Host{RunSyncSoonThreadsafe: func(fn func()) { b.app.QueueUpdateDraw(fn) }}
	g, err := guest.Start(ctx, host, b.main, func(o guest.Outcome[summary]) {
		out = o
		b.app.Stop() // the guest ends first, and then its host
	})
	if err != nil {
		return summary{}, err
	}
	if err := b.app.Run(); err != nil {
		return summary{}, err
	}
	<-g.Done()
	return out.Value, out.Err
}

// main is the guest: round after round, until somebody quits.
func (b *board) main(ctx context.Context) (summary, error) {
	for {
		again, err := b.round(ctx)
		if err != nil || !again {
			return b.sum, err
		}
	}
}

// round fetches all pages, a few at a time, and waits for a key. When one comes,
// what is still under way is cancelled, and has ended when round returns.
func (b *board) round(ctx context.Context) (again bool, err error) {
	b.table.Clear()
	b.sum, b.ended = summary{}, 0
	for row, url := range b.urls {
		b.set(row, "waits", url)
	}
	s := scope.New(scope.Name("round"))
	err = s.Run(ctx, func(ctx context.Context) error {
		scope.Go(ctx, b.clock, scope.Background())
		scope.Go(ctx, b.pages)
		for {
			key, err := b.keys.Get(ctx)
			if err != nil {
				return err
			}
			if key == 'r' || key == 'q' {
				again = key == 'r'
				s.Cancel(errors.New("a key was pressed"))
				return nil
			}
		}
	})
	return again, err
}

// clock shows how long it takes, for as long as it takes.
func (b *board) clock(ctx context.Context) error {
	for start := time.Now(); b.ended < len(b.urls); {
		b.touch()
		b.status.SetText(fmt.Sprintf("%4.1fs  %d of %d  %s", time.Since(start).Seconds(), b.ended, len(b.urls), help))
		if err := scope.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	b.status.SetText(fmt.Sprintf("done: %d pages, %d bytes  %s", b.sum.pages, b.sum.bytes, help))
	return nil
}

// pages fetches every page in a task of its own, four at a time. One that fails
// does not disturb the others.
func (b *board) pages(ctx context.Context) error {
	return scope.Run(ctx, func(ctx context.Context) error {
		for row, url := range b.urls {
			scope.Go(ctx, func(ctx context.Context) error { return b.page(ctx, row, url) },
				scope.Name("page"), scope.Timeout(30*time.Second), scope.OnError(func(_ context.Context, err error) bool {
					b.set(row, "failed", err.Error())
					b.ended++
					return true
				}))
		}
		return nil
	}, scope.Name("pages"), scope.Limit(4))
}

// page is one row's task. What blocks and what computes is on a goroutine; what
// stands between is on the loop's thread.
func (b *board) page(ctx context.Context, row int, url string) error {
	b.set(row, "fetches", url)
	body, err := scope.Blocking(ctx, func() ([]byte, error) { return fetch(ctx, url) })
	if err != nil {
		return err
	}
	b.set(row, "computes", url)
	sum, err := scope.Blocking(ctx, func() (string, error) { return checksum(body), nil })
	if err != nil {
		return err
	}
	b.set(row, "done", fmt.Sprintf("%s  %d bytes  %s", url, len(body), sum[:16]))
	b.sum.pages++
	b.sum.bytes += len(body)
	b.ended++
	return nil
}

// set writes a row.
func (b *board) set(row int, state, text string) {
	b.touch()
	b.table.SetCellSimple(row, 0, fmt.Sprintf("%-9s", state))
	b.table.SetCellSimple(row, 1, text)
}
