//go:build amd64 || arm64

package gid

// Current returns a number that no other goroutine has that is alive.
func Current() uintptr { return getg() }

// getg returns the address of the goroutine's descriptor. It is only compared.
func getg() uintptr
