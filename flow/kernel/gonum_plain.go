//go:build !amd64 || noasm || safe || gccgo

package kernel

// gonumSIMD says that gonum's dot and axpy are SSE2 assembly; here they are
// plain loops with one accumulator, and ours are faster.
const gonumSIMD = false
