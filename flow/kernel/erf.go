package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Erf stores the error function of x_i in dst, which may be x, with errors of at
// most 2 ulp (1 ulp for float32). Special values are as in math.Erf. It panics if the lengths differ.
func Erf[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapErf, dst, x, Matrix[T]{}) {
		return
	}
	erfOf(dst, x)
}

func erfOf[T Float](dst, x []T) {
	if !assembly {
		erfTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.Erf(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.Erf(len(dst), first[float32](dst), first[float32](x))
}

func erfTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(math.Erf(float64(v)))
	}
}

// GELU stores x_i Φ(x_i) in dst, which may be x, Φ being the distribution
// function of the standard normal law: the exact form, not the one with tanh.
// Errors are at most 8 ulp (1 ulp for float32). It is -0 at -Inf. It panics if the lengths differ.
func GELU[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapGELU, dst, x, Matrix[T]{}) {
		return
	}
	geluOf(dst, x)
}

func geluOf[T Float](dst, x []T) {
	if !assembly {
		geluTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.GELU(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.GELU(len(dst), first[float32](dst), first[float32](x))
}

func geluTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(gelu(float64(v)))
	}
}

// gelu takes Φ from erfc, which keeps its relative accuracy in the left tail.
func gelu(x float64) float64 {
	if math.IsInf(x, -1) {
		return math.Copysign(0, -1)
	}
	u := -x / math.Sqrt2
	y := 0.5 * x * math.Erfc(u)
	if x < -1 && x > -40 {
		// u is rounded, and erfc is about e^-u² there: d = x²/2 - u² puts that right.
		p, q := 0.5*x*x, u*u
		d := p - q + (math.FMA(0.5*x, x, -p) - math.FMA(u, u, -q))
		y -= y * d
	}
	return y
}
