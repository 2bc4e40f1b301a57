// Package gid tells goroutines apart.
//
// The runtime has no cheap answer to "which goroutine is this?", on purpose: it
// is not to be used for goroutine-local state. It is used here for one question
// only: whether the caller is a given coroutine, which must not be got wrong,
// since the process would end. Where there is no assembly for it, it costs a
// few microseconds.
package gid

import (
	"bytes"
	"runtime"
	"strconv"
)

// parse returns the goroutine's number, as the header of its stack has it.
func parse() uintptr {
	var buf [64]byte
	word, _, _ := bytes.Cut(bytes.TrimPrefix(header(buf[:]), []byte("goroutine ")), []byte(" "))
	n, err := strconv.ParseUint(string(word), 10, 64)
	if err != nil {
		panic("gid: internal error: the header of a stack is " + strconv.Quote(string(buf[:])))
	}
	return uintptr(n)
}

// header is the first line of the goroutine's stack.
func header(buf []byte) []byte {
	line, _, _ := bytes.Cut(buf[:runtime.Stack(buf, false)], []byte("\n"))
	return line
}

// Locked reports whether the calling goroutine is locked to its thread. It
// costs a few microseconds, more on a deep stack.
func Locked() bool {
	var buf [128]byte
	return bytes.Contains(header(buf[:]), []byte("locked to thread"))
}

// InBubble reports whether the calling goroutine is in a testing/synctest
// bubble. It costs as much.
func InBubble() bool {
	var buf [128]byte
	return bytes.Contains(header(buf[:]), []byte("synctest bubble"))
}
