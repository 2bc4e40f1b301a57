//go:build !linux

package guest_test

func gettid() int { return 0 }
