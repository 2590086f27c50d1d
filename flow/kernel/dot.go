package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Dot returns xᵀy = Σ x_i y_i, 0 for empty slices. It panics if the lengths
// differ.
func Dot[T Float](x, y []T) T {
	if len(x) != len(y) {
		badLen("y", len(y), "len(x)", len(x))
	}
	if !assembly || len(x) < short {
		return dotTwin(x, y)
	}
	if is64[T]() {
		return T(f64.Dot(len(x), first[float64](x), first[float64](y)))
	}
	return T(f32.Dot(len(x), first[float32](x), first[float32](y)))
}

// dotTwin hides the latency of the additions behind four accumulators.
func dotTwin[T Float](x, y []T) T {
	var s0, s1, s2, s3 T
	for len(x) >= 4 && len(y) >= 4 {
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	y = y[:len(x)]
	for i, v := range x {
		s0 += v * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}
