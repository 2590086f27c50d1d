package kernel

import "gonum.org/v1/gonum/blas/gonum"

// Axpy adds a x to y. It panics if the lengths differ.
func Axpy[T Float](a T, x, y []T) {
	if len(x) != len(y) {
		badLen("y", len(y), "len(x)", len(x))
	}
	axpy(a, x, y)
}

// axpy is the portable Axpy.
func axpy[T Float](a T, x, y []T) {
	// gonum returns at once for a = 0, but 0·Inf and 0·NaN are NaN.
	if n := len(x); gonumSIMD && n >= 16 && a != 0 {
		if is64[T]() {
			gonum.Implementation{}.Daxpy(n, float64(a), as[float64](x), 1, as[float64](y), 1)
			return
		}
		gonum.Implementation{}.Saxpy(n, float32(a), as[float32](x), 1, as[float32](y), 1)
		return
	}
	for len(x) >= 4 && len(y) >= 4 {
		y[0] += a * x[0]
		y[1] += a * x[1]
		y[2] += a * x[2]
		y[3] += a * x[3]
		x, y = x[4:], y[4:]
	}
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}

// AxpyTo stores y + a x in dst, which may be x or y. It panics if the lengths
// differ.
func AxpyTo[T Float](dst []T, a T, x, y []T) {
	if len(x) != len(dst) {
		badLen("x", len(x), "len(dst)", len(dst))
	}
	if len(y) != len(dst) {
		badLen("y", len(y), "len(dst)", len(dst))
	}
	axpyTo(dst, a, x, y)
}

// axpyTo is the portable AxpyTo.
func axpyTo[T Float](dst []T, a T, x, y []T) {
	for len(x) >= 4 && len(y) >= 4 && len(dst) >= 4 {
		dst[0] = y[0] + a*x[0]
		dst[1] = y[1] + a*x[1]
		dst[2] = y[2] + a*x[2]
		dst[3] = y[3] + a*x[3]
		x, y, dst = x[4:], y[4:], dst[4:]
	}
	y, dst = y[:len(x)], dst[:len(x)]
	for i, v := range x {
		dst[i] = y[i] + a*v
	}
}

// Axpby stores a x + b y in y, which is not read if b = 0. It panics if the
// lengths differ.
func Axpby[T Float](a T, x []T, b T, y []T) {
	if len(x) != len(y) {
		badLen("y", len(y), "len(x)", len(x))
	}
	axpby(a, x, b, y)
}

// axpby is the portable Axpby.
func axpby[T Float](a T, x []T, b T, y []T) {
	y = y[:len(x)]
	if b == 0 {
		for i, v := range x {
			y[i] = a * v
		}
		return
	}
	for i, v := range x {
		y[i] = a*v + b*y[i]
	}
}

// Scal multiplies x by a. Unlike the scaling by β inside the matrix products,
// a = 0 keeps NaN and turns Inf into NaN.
func Scal[T Float](a T, x []T) {
	scal(a, x)
}

// scal is the portable Scal.
func scal[T Float](a T, x []T) {
	for len(x) >= 4 {
		x[0] *= a
		x[1] *= a
		x[2] *= a
		x[3] *= a
		x = x[4:]
	}
	for i := range x {
		x[i] *= a
	}
}
