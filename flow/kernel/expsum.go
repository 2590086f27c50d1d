package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Max returns the greatest element of x, -Inf if there is none. A NaN in x may or
// may not make the result NaN: the shift of a softmax, which this is for, shows it
// anyway.
func Max[T Float](x []T) T {
	if !assembly || len(x) < short {
		return maxOf(x)
	}
	if is64[T]() {
		return T(f64.Max(len(x), first[float64](x)))
	}
	return T(f32.Max(len(x), first[float32](x)))
}

// ExpSum stores e^(x_i-z) in dst, which may be x, and returns the sum, computed in
// float64: with z the greatest x_i, a softmax before its division. Errors of the
// terms are those of [Exp]. It panics if the lengths differ.
func ExpSum[T Float](dst, x []T, z T) float64 {
	checkMap(dst, x)
	if !assembly {
		return expSumTwin(dst, x, z)
	}
	if is64[T]() {
		return f64.ExpSum(len(dst), first[float64](dst), first[float64](x), float64(z))
	}
	return f32.ExpSum(len(dst), first[float32](dst), first[float32](x), float32(z))
}

func expSumTwin[T Float](dst, x []T, z T) float64 {
	dst = dst[:len(x)]
	var s float64
	for i, v := range x {
		e := T(math.Exp(float64(v - z)))
		dst[i] = e
		s += float64(e)
	}
	return s
}

// QuotientTo stores (x_i + c y_i)/(y_i + s) in dst, which may be x or y: the last pass of
// a solution with a diagonal matrix plus one of rank one. It panics if the lengths differ.
func QuotientTo[T Float](dst, x, y []T, c, s T) {
	checkMap(dst, x)
	checkMap(dst, y)
	if !assembly || len(dst) < short {
		y = y[:len(x)]
		for i, v := range x {
			dst[i] = (v + c*y[i]) / (y[i] + s)
		}
		return
	}
	if is64[T]() {
		f64.Quotient(len(dst), first[float64](dst), first[float64](x), first[float64](y), float64(c), float64(s))
		return
	}
	f32.Quotient(len(dst), first[float32](dst), first[float32](x), first[float32](y), float32(c), float32(s))
}
