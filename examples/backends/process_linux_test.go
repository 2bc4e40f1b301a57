package main

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes a process end also when the tests are killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
