//go:build !amd64 && !arm64

package gid

// Current returns a number that no other goroutine has that is alive.
func Current() uintptr { return parse() }
