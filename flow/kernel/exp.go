package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// checkMap panics unless dst and x have one length.
func checkMap[T Float](dst, x []T) {
	if len(x) != len(dst) {
		badLen("x", len(x), "len(dst)", len(dst))
	}
}

// Exp stores e^x_i in dst, which may be x, with errors of at most 2 ulp (1 ulp
// for float32), subnormal results included. Special values are as in math.Exp.
// It panics if the lengths differ.
func Exp[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapExp, dst, x, Matrix[T]{}) {
		return
	}
	expOf(dst, x)
}

func expOf[T Float](dst, x []T) {
	if !assembly {
		expTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.Exp(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.Exp(len(dst), first[float32](dst), first[float32](x))
}

func expTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(exp(float64(v)))
	}
}

// exp is math.Exp, whose assembly on amd64 returns +Inf from about 709.4 on, a
// little before e^x overflows (Go 1.26).
func exp(x float64) float64 {
	if x > 709 && x < 710 {
		return math.Exp(x-1) * math.E
	}
	return math.Exp(x)
}

// log is math.Log, whose assembly on amd64 is wrong for subnormal numbers
// (Go 1.26).
func log(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

// Log stores the natural logarithm of x_i in dst, which may be x, with errors of
// at most 2 ulp (1 ulp for float32). Special values are as in math.Log. It panics if the lengths differ.
func Log[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapLog, dst, x, Matrix[T]{}) {
		return
	}
	logOf(dst, x)
}

func logOf[T Float](dst, x []T) {
	if !assembly {
		logTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.Log(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.Log(len(dst), first[float32](dst), first[float32](x))
}

func logTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(log(float64(v)))
	}
}
