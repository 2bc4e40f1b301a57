// Command compare measures Corral beside the standard library, errgroup, conc
// and the futures of others, doing the same work, in rounds that take turns:
//
//	go run .                      the table
//	go run . -run join -rounds 31
//	go test -bench . -benchmem    the same work as plain benchmarks
//
// What it prints are ratios of medians. Times are left out on purpose: they
// say more about the machine than about the code.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 15, "`rounds`, in each of which every peer has its turn")
	turn := flag.Duration("turn", 20*time.Millisecond, "how long a turn takes, about")
	run := flag.String("run", "", "only cases whose name, like join/100/errgroup, matches this `pattern`")
	flag.Parse()
	pattern, err := regexp.Compile(*run)
	if err == nil && (*rounds < 1 || *turn <= 0 || flag.NArg() > 0) {
		err = fmt.Errorf("-rounds and -turn must be positive, and there are no arguments")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	table(os.Stdout, cases(), pattern, *rounds, *turn)
}
