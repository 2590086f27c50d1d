package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// ReLU stores max(x_i, 0) in dst, which may be x. NaN stays NaN. It panics if
// the lengths differ.
func ReLU[T Float](dst, x []T) {
	checkMap(dst, x)
	if !assembly {
		reluTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.ReLU(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.ReLU(len(dst), first[float32](dst), first[float32](x))
}

func reluTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

// ReLUGrad stores dy_i where z_i > 0 and 0 elsewhere in dst: the gradient at the
// input z of a ReLU from the one at its output (z may as well be the output).
// dst may be dy or z. It panics if the lengths differ.
func ReLUGrad[T Float](dst, dy, z []T) {
	checkGrad(dst, dy, z)
	if !assembly {
		reluGradTwin(dst, dy, z)
		return
	}
	if is64[T]() {
		f64.ReLUGrad(len(dst), first[float64](dst), first[float64](dy), first[float64](z))
		return
	}
	f32.ReLUGrad(len(dst), first[float32](dst), first[float32](dy), first[float32](z))
}

func checkGrad[T Float](dst, dy, z []T) {
	if len(dy) != len(dst) {
		badLen("dy", len(dy), "len(dst)", len(dst))
	}
	if len(z) != len(dst) {
		badLen("z", len(z), "len(dst)", len(dst))
	}
}

func reluGradTwin[T Float](dst, dy, z []T) {
	dst, dy = dst[:len(z)], dy[:len(z)]
	for i, v := range z {
		d := dy[i]
		if !(v > 0) {
			d = 0
		}
		dst[i] = d
	}
}

// LeakyReLU stores x_i where x_i > 0 and slope x_i elsewhere in dst, which may
// be x. It panics if the lengths differ.
func LeakyReLU[T Float](dst, x []T, slope T) {
	checkMap(dst, x)
	if !assembly {
		leakyTwin(dst, x, slope)
		return
	}
	if is64[T]() {
		f64.LeakyReLU(len(dst), first[float64](dst), first[float64](x), float64(slope))
		return
	}
	f32.LeakyReLU(len(dst), first[float32](dst), first[float32](x), float32(slope))
}

func leakyTwin[T Float](dst, x []T, slope T) {
	dst = dst[:len(x)]
	for i, v := range x {
		if !(v > 0) {
			v *= slope
		}
		dst[i] = v
	}
}

// LeakyReLUGrad stores dy_i where z_i > 0 and slope dy_i elsewhere in dst: the
// gradient at the input z of a leaky ReLU from the one at its output. dst may be
// dy or z. It panics if the lengths differ.
func LeakyReLUGrad[T Float](dst, dy, z []T, slope T) {
	checkGrad(dst, dy, z)
	if !assembly {
		leakyGradTwin(dst, dy, z, slope)
		return
	}
	if is64[T]() {
		f64.LeakyReLUGrad(len(dst), first[float64](dst), first[float64](dy), first[float64](z), float64(slope))
		return
	}
	f32.LeakyReLUGrad(len(dst), first[float32](dst), first[float32](dy), first[float32](z), float32(slope))
}

func leakyGradTwin[T Float](dst, dy, z []T, slope T) {
	dst, dy = dst[:len(z)], dy[:len(z)]
	for i, v := range z {
		d := dy[i]
		if !(v > 0) {
			d *= slope
		}
		dst[i] = d
	}
}
