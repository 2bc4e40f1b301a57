//go:build race

package otelx_test

func init() { perName = 10 }
