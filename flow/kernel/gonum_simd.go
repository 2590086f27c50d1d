//go:build amd64 && !noasm && !safe && !gccgo

package kernel

// gonumSIMD says that gonum's dot and axpy are SSE2 assembly, which beats a
// portable loop.
const gonumSIMD = true
