//go:build !race

// The race detector makes sync.Pool, which holds the packed operands of products,
// drop things at random.

package kernel_test

import (
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

func TestNoAllocations(t *testing.T) { both(t, testAllocs[float64], testAllocs[float32]) }

func testAllocs[T kernel.Float](t *testing.T) {
	const n = 64
	r := rng(40)
	x, y, z := randVec[T](r, n, 0).s, randVec[T](r, n, 0).s, randVec[T](r, n, 0).s
	a, _ := randMat[T](r, n, n, 0, 0)
	b, _ := randMat[T](r, n, n, 0, 0)
	c, _ := randMat[T](r, n, n, 0, 0)
	big, big2, big3 := kernel.NewMatrix[T](200, 200), kernel.NewMatrix[T](200, 200), kernel.NewMatrix[T](200, 200)
	coef, k := []T{1, 2, 3}, [][]T{x, y, z}
	for name, f := range map[string]func(){
		"Dot":       func() { sink += float64(kernel.Dot(x, y)) },
		"Axpy":      func() { kernel.Axpy(1e-9, x, y) },
		"LincombTo": func() { kernel.LincombTo(z, x, 1e-9, coef, k) },
		"AdamTo": func() {
			kernel.AdamTo(y, y, z, y, x, y, z, kernel.AdamCoefs[T]{Beta1: 0.9, Beta2: 0.9, Bias1: 1, Bias2: 1, Eps: 1})
		},
		"ErrorNorm":   func() { sink += kernel.WeightedErrorNorm(1, coef, k, x, y, 1, 1) },
		"Gemv":        func() { kernel.Gemv(y, 1, a, x, 0) },
		"GemvT":       func() { kernel.GemvT(y, 1, a, x, 0) },
		"NormalGrad":  func() { sink += kernel.NormalGrad(y, a, x, z, z) },
		"Gemm":        func() { kernel.Gemm(c, 1, a, b, 0) },
		"GemmNT":      func() { kernel.GemmNT(c, 1, a, b, 0) },
		"GemmTN":      func() { kernel.GemmTN(c, 1, a, b, 0) },
		"Gemm 200":    func() { kernel.Gemm(big3, 1, big, big2, 0) },
		"Syrk":        func() { kernel.Syrk(c, 1, a, 0) },
		"Exp":         func() { kernel.Exp(y, x) },
		"Tanh":        func() { kernel.Tanh(y, x) },
		"SoftmaxRows": func() { kernel.SoftmaxRows(c) },
		"Gaussian":    func() { kernel.GaussianKernel(c, a, b, 1) },
	} {
		if got := testing.AllocsPerRun(20, f); got != 0 {
			t.Errorf("%s: %v allocations a call", name, got)
		}
	}
}
