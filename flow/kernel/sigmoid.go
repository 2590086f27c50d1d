package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Tanh stores tanh x_i in dst, which may be x, with errors of at most 2 ulp.
// Special values are as in math.Tanh. It panics if the lengths differ.
func Tanh[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapTanh, dst, x, Matrix[T]{}) {
		return
	}
	tanhOf(dst, x)
}

func tanhOf[T Float](dst, x []T) {
	if !assembly {
		tanhTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.Tanh(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.Tanh(len(dst), first[float32](dst), first[float32](x))
}

func tanhTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(math.Tanh(float64(v)))
	}
}

// Sigmoid stores the logistic function 1/(1+e^-x_i) in dst, which may be x, with
// errors of at most 2 ulp. It is 0 at -Inf and 1 at +Inf. It panics if the lengths differ.
func Sigmoid[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapSigmoid, dst, x, Matrix[T]{}) {
		return
	}
	sigmoidOf(dst, x)
}

func sigmoidOf[T Float](dst, x []T) {
	if !assembly {
		sigmoidTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.Sigmoid(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.Sigmoid(len(dst), first[float32](dst), first[float32](x))
}

func sigmoidTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(sigmoid(float64(v)))
	}
}

// sigmoid has full relative accuracy on both sides: e^x/(1+e^x) where 1/(1+e^-x)
// would overflow inside.
func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

// Softplus stores log(1+e^x_i), without overflow, in dst, which may be x, with
// errors of at most 2 ulp (1 ulp for float32). It is 0 at -Inf and +Inf at +Inf. It panics if the lengths differ.
func Softplus[T Float](dst, x []T) {
	checkMap(dst, x)
	if len(x) >= parallelMap && mapParallel(mapSoftplus, dst, x, Matrix[T]{}) {
		return
	}
	softplusOf(dst, x)
}

func softplusOf[T Float](dst, x []T) {
	if !assembly {
		softplusTwin(dst, x)
		return
	}
	if is64[T]() {
		f64.Softplus(len(dst), first[float64](dst), first[float64](x))
		return
	}
	f32.Softplus(len(dst), first[float32](dst), first[float32](x))
}

func softplusTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(softplus(float64(v)))
	}
}

func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
