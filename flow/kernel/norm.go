package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Sum returns Σ x_i, computed in float64.
func Sum[T Float](x []T) float64 {
	if !assembly || len(x) < short {
		return sumTwin(x)
	}
	if is64[T]() {
		return f64.Sum(len(x), first[float64](x))
	}
	return f32.Sum(len(x), first[float32](x))
}

func sumTwin[T Float](x []T) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		s0 += float64(x[0])
		s1 += float64(x[1])
		s2 += float64(x[2])
		s3 += float64(x[3])
		x = x[4:]
	}
	for _, v := range x {
		s0 += float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

// SumSq returns Σ x_i², computed in float64. It may overflow or underflow where
// [Nrm2] does not.
func SumSq[T Float](x []T) float64 {
	if !assembly || len(x) < short {
		return sumSqTwin(x)
	}
	if is64[T]() {
		return f64.SumSq(len(x), first[float64](x))
	}
	return f32.SumSq(len(x), first[float32](x))
}

func sumSqTwin[T Float](x []T) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		x = x[4:]
	}
	for _, v := range x {
		s0 += float64(v) * float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

// NegSumSq replaces x by -x and returns Σ x_i², computed in float64 in the same
// order as [SumSq]: a gradient becomes the field that descends it.
func NegSumSq[T Float](x []T) float64 {
	if !assembly || len(x) < short {
		return negSumSqTwin(x)
	}
	if is64[T]() {
		return f64.NegSumSq(len(x), first[float64](x))
	}
	return f32.NegSumSq(len(x), first[float32](x))
}

func negSumSqTwin[T Float](x []T) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		x[0], x[1], x[2], x[3] = -x[0], -x[1], -x[2], -x[3]
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		x = x[4:]
	}
	for i, v := range x {
		s0 += float64(v) * float64(v)
		x[i] = -v
	}
	return (s0 + s1) + (s2 + s3)
}

// Nrm2 returns the Euclidean norm |x|, computed in float64 without overflow or
// harmful underflow on the way. NaN in x gives NaN.
func Nrm2[T Float](x []T) float64 {
	s := SumSq(x)
	// Squares of float32 values always fit. Elsewhere a sum in this range has
	// lost at most squares below 1e-308, which do not reach its last digit.
	if !is64[T]() || (s > 1e-280 && s <= math.MaxFloat64) || s != s {
		return math.Sqrt(s)
	}
	m := MaxAbs(x)
	if m == 0 || math.IsInf(m, 1) || m != m {
		return m
	}
	// A power of two scales exactly, subnormals too.
	_, e := math.Frexp(m)
	var t float64
	for _, v := range x {
		w := math.Ldexp(float64(v), -e)
		t += w * w
	}
	return math.Ldexp(math.Sqrt(t), e)
}

// MaxAbs returns max_i |x_i|, 0 for an empty slice and NaN if x holds a NaN.
func MaxAbs[T Float](x []T) float64 {
	if !assembly || len(x) < short {
		return maxAbsTwin(x)
	}
	if is64[T]() {
		return f64.MaxAbs(len(x), first[float64](x))
	}
	return float64(f32.MaxAbs(len(x), first[float32](x)))
}

// maxAbsTwin compares bit patterns: those of non-negative floats are ordered as the
// numbers are, and NaN comes above Inf.
func maxAbsTwin[T Float](x []T) float64 {
	var m0, m1 uint64
	for len(x) >= 2 {
		m0 = max(m0, absBits(x[0]))
		m1 = max(m1, absBits(x[1]))
		x = x[2:]
	}
	if len(x) > 0 {
		m0 = max(m0, absBits(x[0]))
	}
	return math.Float64frombits(max(m0, m1))
}

func absBits[T Float](v T) uint64 { return math.Float64bits(math.Abs(float64(v))) }

// AllFinite reports whether x holds neither NaN nor Inf.
func AllFinite[T Float](x []T) bool {
	if !assembly || len(x) < short {
		return allFiniteTwin(x)
	}
	if is64[T]() {
		return f64.AllFinite(len(x), first[float64](x))
	}
	return f32.AllFinite(len(x), first[float32](x))
}

// allFiniteTwin adds 0·x_i, which is ±0 for finite and NaN for other elements.
func allFiniteTwin[T Float](x []T) bool {
	var s0, s1, s2, s3 T
	for len(x) >= 4 {
		s0 += x[0] * 0
		s1 += x[1] * 0
		s2 += x[2] * 0
		s3 += x[3] * 0
		x = x[4:]
	}
	for _, v := range x {
		s0 += v * 0
	}
	return (s0+s1)+(s2+s3) == 0
}
