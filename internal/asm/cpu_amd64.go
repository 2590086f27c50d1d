//go:build amd64 && !noasm && !purego

package asm

import "os"

// Enabled reports whether the assembly kernels may be called. It asks the CPU
// and the environment, so callers ask once.
func Enabled() bool {
	return os.Getenv("GRADFLOW_NOASM") != "1" && hasAVX2FMA()
}

// hasAVX2FMA reports whether the CPU has both extensions and the operating
// system saves the registers they use.
func hasAVX2FMA() bool {
	const (
		fma     = 1 << 12 // leaf 1, ECX
		osxsave = 1 << 27
		avx     = 1 << 28
		avx2    = 1 << 5 // leaf 7, EBX
		xmmYmm  = 6      // XCR0
	)
	if top, _, _, _ := cpuid(0, 0); top < 7 {
		return false
	}
	const want = fma | osxsave | avx
	if _, _, c, _ := cpuid(1, 0); c&want != want {
		return false
	}
	if xgetbv()&xmmYmm != xmmYmm {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b&avx2 != 0
}

// cpuid executes CPUID with EAX = leaf and ECX = sub.
//
//go:noescape
func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// xgetbv returns the lower half of XCR0.
//
//go:noescape
func xgetbv() uint32
