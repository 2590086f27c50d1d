package kernel

import "math"

// checkMap panics unless dst and x have one length.
func checkMap[T Float](dst, x []T) {
	if len(x) != len(dst) {
		badLen("x", len(x), "len(dst)", len(dst))
	}
}

// Exp stores e^x_i in dst, which may be x. Special values are as in math.Exp.
// It panics if the lengths differ.
func Exp[T Float](dst, x []T) {
	checkMap(dst, x)
	expTwin(dst, x)
}

func expTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(math.Exp(float64(v)))
	}
}

// Log stores the natural logarithm of x_i in dst, which may be x. Special
// values are as in math.Log. It panics if the lengths differ.
func Log[T Float](dst, x []T) {
	checkMap(dst, x)
	logTwin(dst, x)
}

func logTwin[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = T(math.Log(float64(v)))
	}
}
