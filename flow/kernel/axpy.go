package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Axpy adds a x to y. It panics if the lengths differ.
func Axpy[T Float](a T, x, y []T) {
	if len(x) != len(y) {
		badLen("y", len(y), "len(x)", len(x))
	}
	if !assembly || len(x) < short {
		axpyTwin(a, x, y)
		return
	}
	if is64[T]() {
		f64.Axpy(len(x), float64(a), first[float64](x), first[float64](y))
		return
	}
	f32.Axpy(len(x), float32(a), first[float32](x), first[float32](y))
}

func axpyTwin[T Float](a T, x, y []T) {
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
	if !assembly || len(x) < short {
		axpyToTwin(dst, a, x, y)
		return
	}
	if is64[T]() {
		f64.AxpyTo(len(dst), first[float64](dst), float64(a), first[float64](x), first[float64](y))
		return
	}
	f32.AxpyTo(len(dst), first[float32](dst), float32(a), first[float32](x), first[float32](y))
}

func axpyToTwin[T Float](dst []T, a T, x, y []T) {
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
	if b == 0 {
		scalTo(y, a, x)
		return
	}
	if !assembly || len(x) < short {
		axpbyTwin(a, x, b, y)
		return
	}
	if is64[T]() {
		f64.Axpby(len(x), float64(a), first[float64](x), float64(b), first[float64](y))
		return
	}
	f32.Axpby(len(x), float32(a), first[float32](x), float32(b), first[float32](y))
}

func axpbyTwin[T Float](a T, x []T, b T, y []T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = a*v + b*y[i]
	}
}

// Scal multiplies x by a. Unlike the scaling by β inside the matrix products,
// a = 0 keeps NaN and turns Inf into NaN.
func Scal[T Float](a T, x []T) {
	scalTo(x, a, x)
}

// scalTo stores a x in dst.
func scalTo[T Float](dst []T, a T, x []T) {
	if !assembly || len(x) < short {
		scalToTwin(dst, a, x)
		return
	}
	if is64[T]() {
		f64.ScalTo(len(dst), first[float64](dst), float64(a), first[float64](x))
		return
	}
	f32.ScalTo(len(dst), first[float32](dst), float32(a), first[float32](x))
}

func scalToTwin[T Float](dst []T, a T, x []T) {
	for len(x) >= 4 && len(dst) >= 4 {
		dst[0] = a * x[0]
		dst[1] = a * x[1]
		dst[2] = a * x[2]
		dst[3] = a * x[3]
		dst, x = dst[4:], x[4:]
	}
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = a * v
	}
}
