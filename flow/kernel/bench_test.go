package kernel_test

import (
	"fmt"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

var benchSizes = []int{16, 64, 256, 1024}

// bench runs f at each size for both element types and reports GFLOP/s, flops
// being the operations of one call.
func bench(b *testing.B, flops func(n int) int, f64 func(n int) func(), f32 func(n int) func()) {
	for _, n := range benchSizes {
		for name, prepare := range map[string]func(n int) func(){"f64": f64, "f32": f32} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				f := prepare(n)
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(flops(n))*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}

type args[T kernel.Float] struct {
	x, y, z []T
	a, b, c kernel.Matrix[T]
}

func newArgs[T kernel.Float](n int) *args[T] {
	r := rng(50)
	p := &args[T]{x: randVec[T](r, n, 0).s, y: randVec[T](r, n, 8).s, z: randVec[T](r, n, 16).s}
	p.a, _ = randMat[T](r, n, n, 0, 0)
	p.b, _ = randMat[T](r, n, n, 0, 8)
	p.c, _ = randMat[T](r, n, n, 0, 16)
	return p
}

func linear(k int) func(n int) int    { return func(n int) int { return k * n } }
func quadratic(k int) func(n int) int { return func(n int) int { return k * n * n } }
func cubic(k int) func(n int) int     { return func(n int) int { return k * n * n * n } }

func benchDot[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { sink = float64(kernel.Dot(p.x, p.y)) }
}

func benchAxpy[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Axpy(1e-9, p.x, p.y) }
}

func benchLincomb[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	c, k := []T{1, 2, 3, 4, 5, 6}, [][]T{p.x, p.y, p.z, p.x, p.y, p.z}
	d := make([]T, n)
	return func() { kernel.LincombTo(d, p.x, 1e-3, c, k) }
}

func benchErrorNorm[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	c, k := []T{1, 2, 3, 4, 5, 6}, [][]T{p.x, p.y, p.z, p.x, p.y, p.z}
	return func() { sink = kernel.WeightedErrorNorm(1e-3, c, k, p.x, p.y, 1e-6, 1e-3) }
}

func benchGemv[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Gemv(p.y, 1, p.a, p.x, 0) }
}

func benchGemvT[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.GemvT(p.y, 1, p.a, p.x, 0) }
}

func benchNormalGrad[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	r := make([]T, n)
	return func() { sink = kernel.NormalGrad(p.y, p.a, p.x, p.z, r) }
}

func benchGemm[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Gemm(p.c, 1, p.a, p.b, 0) }
}

func benchGemmNT[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.GemmNT(p.c, 1, p.a, p.b, 0) }
}

func benchExp[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Exp(p.y, p.x) }
}

func benchTanh[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Tanh(p.y, p.x) }
}

func benchLog[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	for i, v := range p.x {
		p.x[i] = v * v
	}
	return func() { kernel.Log(p.y, p.x) }
}

func benchSigmoid[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Sigmoid(p.y, p.x) }
}

func benchGELU[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.GELU(p.y, p.x) }
}

func benchLogSumExp[T kernel.Float](n int) func() {
	m, _ := randMat[T](rng(52), 64, n, 0, 0)
	d := make([]T, 64)
	return func() { kernel.LogSumExpRows(d, m) }
}

// benchDistances is between 64 and n points in 16 dimensions.
func benchDistances[T kernel.Float](n int) func() {
	x, _ := randMat[T](rng(53), 64, 16, 0, 0)
	y, _ := randMat[T](rng(54), n, 16, 0, 0)
	d := kernel.NewMatrix[T](64, n)
	return func() { kernel.SquaredDistances(d, x, y) }
}

func benchGemmTN[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.GemmTN(p.c, 1, p.a, p.b, 0) }
}

func benchSyrk[T kernel.Float](n int) func() {
	p := newArgs[T](n)
	return func() { kernel.Syrk(p.c, 1, p.a, 0) }
}

func benchSoftmax[T kernel.Float](n int) func() {
	r := rng(51)
	m, _ := randMat[T](r, 64, n, 0, 0)
	return func() { kernel.SoftmaxRows(m) }
}

func BenchmarkDot(b *testing.B)  { bench(b, linear(2), benchDot[float64], benchDot[float32]) }
func BenchmarkAxpy(b *testing.B) { bench(b, linear(2), benchAxpy[float64], benchAxpy[float32]) }
func BenchmarkLincombTo(b *testing.B) {
	bench(b, linear(12), benchLincomb[float64], benchLincomb[float32])
}
func BenchmarkWeightedErrorNorm(b *testing.B) {
	bench(b, linear(17), benchErrorNorm[float64], benchErrorNorm[float32])
}
func BenchmarkGemv(b *testing.B)  { bench(b, quadratic(2), benchGemv[float64], benchGemv[float32]) }
func BenchmarkGemvT(b *testing.B) { bench(b, quadratic(2), benchGemvT[float64], benchGemvT[float32]) }
func BenchmarkNormalGrad(b *testing.B) {
	bench(b, quadratic(4), benchNormalGrad[float64], benchNormalGrad[float32])
}
func BenchmarkGemm(b *testing.B) { bench(b, cubic(2), benchGemm[float64], benchGemm[float32]) }
func BenchmarkGemmNT(b *testing.B) {
	bench(b, cubic(2), benchGemmNT[float64], benchGemmNT[float32])
}

func BenchmarkGemmTN(b *testing.B) {
	bench(b, cubic(2), benchGemmTN[float64], benchGemmTN[float32])
}
func BenchmarkSyrk(b *testing.B) { bench(b, cubic(1), benchSyrk[float64], benchSyrk[float32]) }
func BenchmarkSquaredDistances(b *testing.B) {
	bench(b, linear(3*16*64), benchDistances[float64], benchDistances[float32])
}

// The maps count one operation an element.
func BenchmarkExp(b *testing.B)  { bench(b, linear(1), benchExp[float64], benchExp[float32]) }
func BenchmarkTanh(b *testing.B) { bench(b, linear(1), benchTanh[float64], benchTanh[float32]) }
func BenchmarkLog(b *testing.B)  { bench(b, linear(1), benchLog[float64], benchLog[float32]) }
func BenchmarkSigmoid(b *testing.B) {
	bench(b, linear(1), benchSigmoid[float64], benchSigmoid[float32])
}
func BenchmarkGELU(b *testing.B) { bench(b, linear(1), benchGELU[float64], benchGELU[float32]) }
func BenchmarkLogSumExpRows(b *testing.B) {
	bench(b, linear(64), benchLogSumExp[float64], benchLogSumExp[float32])
}
func BenchmarkSoftmaxRows(b *testing.B) {
	bench(b, linear(64), benchSoftmax[float64], benchSoftmax[float32])
}

// The loop of a small system calls these several times a step.
func BenchmarkLincombToSmall(b *testing.B) {
	for _, n := range []int{2, 3, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := benchLincomb[float64](n)
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkWeightedErrorNormSmall(b *testing.B) {
	for _, n := range []int{2, 3, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := benchErrorNorm[float64](n)
			for b.Loop() {
				f()
			}
		})
	}
}

// Two workers against one.
func BenchmarkGemmWorkers(b *testing.B) {
	for _, n := range []int{256, 512, 1024} {
		for _, w := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/workers=%d", n, w), func(b *testing.B) {
				withWorkers(w, func() {
					f := benchGemm[float64](n)
					f()
					for b.Loop() {
						f()
					}
					b.ReportMetric(2*float64(n)*float64(n)*float64(n)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
				})
			})
		}
	}
}
