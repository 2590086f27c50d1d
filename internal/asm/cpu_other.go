//go:build !amd64 || noasm || purego

package asm

// Enabled reports whether the assembly kernels may be called: there are none.
func Enabled() bool { return false }
