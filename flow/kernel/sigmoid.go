package kernel

import "math"

// Tanh stores tanh x_i in dst, which may be x. Special values are as in
// math.Tanh. It panics if the lengths differ.
func Tanh[T Float](dst, x []T) {
	checkMap(dst, x)
	tanhTwin(dst, x)
}

func tanhTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(math.Tanh(float64(v)))
	}
}

// Sigmoid stores the logistic function 1/(1+e^-x_i) in dst, which may be x. It
// is 0 at -Inf and 1 at +Inf. It panics if the lengths differ.
func Sigmoid[T Float](dst, x []T) {
	checkMap(dst, x)
	sigmoidTwin(dst, x)
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

// Softplus stores log(1+e^x_i), without overflow, in dst, which may be x. It is
// 0 at -Inf and +Inf at +Inf. It panics if the lengths differ.
func Softplus[T Float](dst, x []T) {
	checkMap(dst, x)
	softplusTwin(dst, x)
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
