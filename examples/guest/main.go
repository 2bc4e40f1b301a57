// Command guest is a terminal program whose widgets may be touched on one thread
// only, the one that runs its event loop, and whose work is structured tasks on
// that very thread. They fetch pages and compute checksums, elsewhere, and show
// how far they are by writing into the widgets: no lock, no message, no
// "run this on the UI thread".
//
//	go run .                       # pages of a slow server of its own
//	go run . https://example.com/  # or these
//
// r begins anew, q or Ctrl-C quits.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/gdamore/tcell/v2"
)

func main() {
	runtime.LockOSThread() // as a GUI toolkit would want it
	flag.Parse()
	if err := run(context.Background(), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, urls []string) error {
	if len(urls) == 0 {
		pages := slowServer(12)
		defer pages.Close()
		urls = pages.urls
	}
	screen, err := tcell.NewScreen()
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return err
	}
	out, err := newBoard(screen, urls).show(ctx)
	if err == nil {
		fmt.Printf("%d pages, %d bytes\n", out.pages, out.bytes)
	}
	return err
}
