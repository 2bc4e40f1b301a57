//go:build unix

package monitor

import (
	"os"
	"syscall"
)

var defaultSignals = []os.Signal{syscall.SIGUSR1}
