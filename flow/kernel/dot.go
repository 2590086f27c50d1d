package kernel

import "gonum.org/v1/gonum/blas/gonum"

// Dot returns xᵀy = Σ x_i y_i, 0 for empty slices. It panics if the lengths
// differ.
func Dot[T Float](x, y []T) T {
	if len(x) != len(y) {
		badLen("y", len(y), "len(x)", len(x))
	}
	return dot(x, y)
}

// dot is the portable Dot. Four accumulators hide the latency of the additions.
func dot[T Float](x, y []T) T {
	if n := len(x); gonumSIMD && n >= 16 {
		if is64[T]() {
			return T(gonum.Implementation{}.Ddot(n, as[float64](x), 1, as[float64](y), 1))
		}
		return T(gonum.Implementation{}.Sdot(n, as[float32](x), 1, as[float32](y), 1))
	}
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
