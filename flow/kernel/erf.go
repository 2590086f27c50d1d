package kernel

import "math"

// Erf stores the error function of x_i in dst, which may be x. Special values
// are as in math.Erf. It panics if the lengths differ.
func Erf[T Float](dst, x []T) {
	checkMap(dst, x)
	erfTwin(dst, x)
}

func erfTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(math.Erf(float64(v)))
	}
}

// GELU stores x_i Φ(x_i) in dst, which may be x, Φ being the distribution
// function of the standard normal law: the exact form, not the one with tanh.
// It is -0 at -Inf. It panics if the lengths differ.
func GELU[T Float](dst, x []T) {
	checkMap(dst, x)
	geluTwin(dst, x)
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
	return 0.5 * x * math.Erfc(-x/math.Sqrt2)
}
