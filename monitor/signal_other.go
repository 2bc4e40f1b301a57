//go:build !unix

package monitor

import "os"

var defaultSignals []os.Signal
