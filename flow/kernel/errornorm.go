package kernel

import (
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// WeightedNorm returns sqrt((1/n) Σ_j (v_j/w_j)²) with the weights
// w_j = atol + rtol max(|x_j|, |y_j|), the norm in which step-size control
// measures errors, computed in float64; 0 if n = 0. NaN in v, x or y gives NaN.
// It panics if the lengths differ.
func WeightedNorm[T Float](v, x, y []T, atol, rtol float64) float64 {
	n := len(v)
	if len(x) != n {
		badLen("x", len(x), "len(v)", n)
	}
	if len(y) != n {
		badLen("y", len(y), "len(v)", n)
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt(weightedSumSq(v, x, y, atol, rtol) / float64(n))
}

func weightedSumSq[T Float](v, x, y []T, atol, rtol float64) float64 {
	if !assembly {
		return weightedSumSqTwin(v, x, y, atol, rtol)
	}
	if is64[T]() {
		return f64.WeightedSumSq(len(v), first[float64](v), first[float64](x), first[float64](y), atol, rtol)
	}
	return f32.WeightedSumSq(len(v), first[float32](v), first[float32](x), first[float32](y), atol, rtol)
}

func weightedSumSqTwin[T Float](v, x, y []T, atol, rtol float64) float64 {
	x, y = x[:len(v)], y[:len(v)]
	var s float64
	for j := range v {
		q := float64(v[j]) / weight(x[j], y[j], atol, rtol)
		s += q * q
	}
	return s
}

// weight is atol + rtol max(|a|, |b|), NaN if a or b is.
func weight[T Float](a, b T, atol, rtol float64) float64 {
	return atol + rtol*max(math.Abs(float64(a)), math.Abs(float64(b)))
}

// WeightedErrorNorm returns sqrt((1/n) Σ_j (v_j/w_j)²) of v = h Σ_i e_i k_i,
// the local error of an embedded Runge-Kutta pair, with the weights
// w_j = atol + rtol max(|x_j|, |y_j|); 0 if n = 0. v is not stored and, like
// everything here, computed in float64. Vectors with e_i = 0 are not read.
// NaN in a k_i that is read, in x or in y gives NaN. It panics if len(e)
// differs from len(k) or the length of a k_i or of y from that of x.
func WeightedErrorNorm[T Float](h float64, e []T, k [][]T, x, y []T, atol, rtol float64) float64 {
	n := len(x)
	if len(y) != n {
		badLen("y", len(y), "len(x)", n)
	}
	if len(k) != len(e) {
		badLen("k", len(k), "len(e)", len(e))
	}
	for i := range k {
		if len(k[i]) != n {
			badLenAt("k", i, len(k[i]), n)
		}
	}
	if n == 0 {
		return 0
	}
	return math.Abs(h) * math.Sqrt(errorSumSq(e, k, x, y, atol, rtol)/float64(n))
}

// errorSumSq returns Σ_j (v_j/w_j)² of v = Σ_i e_i k_i.
func errorSumSq[T Float](e []T, k [][]T, x, y []T, atol, rtol float64) float64 {
	if !assembly || len(x) < 4 || len(e) > maxVectors {
		return errorSumSqTwin(e, k, x, y, atol, rtol)
	}
	var coef [maxVectors]float64
	var ptr [maxVectors]unsafe.Pointer
	s := 0
	for i, ei := range e {
		if ei != 0 {
			coef[s], ptr[s] = float64(ei), unsafe.Pointer(unsafe.SliceData(k[i]))
			s++
		}
	}
	if is64[T]() {
		return f64.ErrorSumSq(len(x), first[float64](x), first[float64](y), s, &coef[0], first[*float64](ptr[:]), atol, rtol)
	}
	return f32.ErrorSumSq(len(x), first[float32](x), first[float32](y), s, &coef[0], first[*float32](ptr[:]), atol, rtol)
}

// errorSumSqTwin returns Σ_j (v_j/w_j)² of v = Σ_i e_i k_i, two elements at a time
// so that the divisions overlap.
func errorSumSqTwin[T Float](e []T, k [][]T, x, y []T, atol, rtol float64) float64 {
	k = k[:len(e)]
	n := len(x)
	y = y[:n]
	var s0, s1 float64
	j := 0
	for ; j+2 <= n; j += 2 {
		var v0, v1 float64
		for i, ei := range e {
			if ei == 0 {
				continue
			}
			a, v := float64(ei), (*[2]T)(k[i][j:])
			v0 += a * float64(v[0])
			v1 += a * float64(v[1])
		}
		v0 /= weight(x[j], y[j], atol, rtol)
		v1 /= weight(x[j+1], y[j+1], atol, rtol)
		s0 += v0 * v0
		s1 += v1 * v1
	}
	if j < n {
		var v0 float64
		for i, ei := range e {
			if ei != 0 {
				v0 += float64(ei) * float64(k[i][j])
			}
		}
		v0 /= weight(x[j], y[j], atol, rtol)
		s0 += v0 * v0
	}
	return s0 + s1
}
