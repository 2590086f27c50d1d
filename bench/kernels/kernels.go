package main

import (
	"math"
	"math/rand/v2"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// loop calls a kernel that many times.
type loop func(calls int)

// kern is one row of the table.
type kern struct {
	name   string
	peer   string // its name in openblas/bench.c, "" if it has no peer
	vector bool   // n is the length of vectors, else of the sides of matrices
	flops  func(n int) float64
	// prepare returns the kernel, gonum's (nil if there is none) and a loop over
	// package math (nil if there is none).
	prepare func(n, bits int) (f, gonum, naive loop)
}

// both makes prepare from a generic function.
func both(f64, f32 func(n int) (f, gonum, naive loop)) func(n, bits int) (f, gonum, naive loop) {
	return func(n, bits int) (loop, loop, loop) {
		if bits == 64 {
			return f64(n)
		}
		return f32(n)
	}
}

func times(c float64, pow int) func(n int) float64 {
	return func(n int) float64 { return c * math.Pow(float64(n), float64(pow)) }
}

var kernels = []kern{
	{"dot", "dot", true, times(2, 1), both(dot[float64], dot[float32])},
	{"axpy", "axpy", true, times(2, 1), both(axpy[float64], axpy[float32])},
	{"nrm2", "nrm2", true, times(2, 1), both(nrm2[float64], nrm2[float32])},
	{"lincomb5", "", true, times(10, 1), both(lincomb[float64], lincomb[float32])},
	{"errnorm7", "", true, times(19, 1), both(errorNorm[float64], errorNorm[float32])},
	{"gemvN", "gemvN", false, times(2, 2), both(gemvN[float64], gemvN[float32])},
	{"gemvT", "gemvT", false, times(2, 2), both(gemvT[float64], gemvT[float32])},
	{"normgrad", "pair", false, times(4, 2), both(normalGrad[float64], normalGrad[float32])},
	{"ger", "ger", false, times(2, 2), both(ger[float64], ger[float32])},
	{"gemmNN", "gemmNN", false, times(2, 3), both(gemmNN[float64], gemmNN[float32])},
	{"gemmNT", "gemmNT", false, times(2, 3), both(gemmNT[float64], gemmNT[float32])},
	{"gemmTN", "gemmTN", false, times(2, 3), both(gemmTN[float64], gemmTN[float32])},
	{"syrk", "syrk", false, times(1, 3), both(syrk[float64], syrk[float32])},
	{"exp", "", true, times(1, 1), both(unary[float64](kernel.Exp, math.Exp), unary[float32](kernel.Exp, math.Exp))},
	{"log", "", true, times(1, 1), both(unary[float64](kernel.Log, math.Log), unary[float32](kernel.Log, math.Log))},
	{"tanh", "", true, times(1, 1), both(unary[float64](kernel.Tanh, math.Tanh), unary[float32](kernel.Tanh, math.Tanh))},
	{"sigmoid", "", true, times(1, 1), both(unary[float64](kernel.Sigmoid, sigmoid), unary[float32](kernel.Sigmoid, sigmoid))},
	{"softmax", "", false, times(64, 1), both(softmax[float64], softmax[float32])},
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

var sink float64

// values returns n elements somewhere in a page, aligned to 64 bytes as the
// peer's are.
func values[T kernel.Float](n, mod int) []T {
	size := int(unsafe.Sizeof(T(0)))
	all := make([]T, n+(4096+64)/size)
	skip := (int(-uintptr(unsafe.Pointer(&all[0]))&63) + 64*rand.IntN(64)) / size
	x := all[skip : skip+n]
	for i := range x {
		x[i] = T(1 / (1 + float64(i%mod)))
	}
	return x
}

// f64 and f32 view a slice as one of a known type; only the one that fits is used.
func f64[T kernel.Float](x []T) []float64 { return *(*[]float64)(unsafe.Pointer(&x)) }
func f32[T kernel.Float](x []T) []float32 { return *(*[]float32)(unsafe.Pointer(&x)) }

func is64[T kernel.Float]() bool { return unsafe.Sizeof(T(0)) == 8 }

var impl gonum.Implementation

func dot[T kernel.Float](n int) (f, g, naive loop) {
	x, y := values[T](n, 13), values[T](n, 17)
	g = func(calls int) {
		for range calls {
			sink = impl.Ddot(n, f64(x), 1, f64(y), 1)
		}
	}
	if !is64[T]() {
		g = func(calls int) {
			for range calls {
				sink = float64(impl.Sdot(n, f32(x), 1, f32(y), 1))
			}
		}
	}
	return func(calls int) {
		for range calls {
			sink = float64(kernel.Dot(x, y))
		}
	}, g, nil
}

func axpy[T kernel.Float](n int) (f, g, naive loop) {
	x, y := values[T](n, 13), values[T](n, 17)
	g = func(calls int) {
		for range calls {
			impl.Daxpy(n, 1e-9, f64(x), 1, f64(y), 1)
		}
	}
	if !is64[T]() {
		g = func(calls int) {
			for range calls {
				impl.Saxpy(n, 1e-9, f32(x), 1, f32(y), 1)
			}
		}
	}
	return func(calls int) {
		for range calls {
			kernel.Axpy(1e-9, x, y)
		}
	}, g, nil
}

func nrm2[T kernel.Float](n int) (f, g, naive loop) {
	x := values[T](n, 13)
	g = func(calls int) {
		for range calls {
			sink = impl.Dnrm2(n, f64(x), 1)
		}
	}
	if !is64[T]() {
		g = func(calls int) {
			for range calls {
				sink = float64(impl.Snrm2(n, f32(x), 1))
			}
		}
	}
	return func(calls int) {
		for range calls {
			sink = kernel.Nrm2(x)
		}
	}, g, nil
}

// stages returns s vectors with a few elements between them, as the stages of
// a Runge-Kutta method should lie.
func stages[T kernel.Float](s, n int) [][]T {
	all := values[T](s*(n+40), 13)
	k := make([][]T, s)
	for i := range k {
		k[i] = all[i*(n+40):][:n]
	}
	return k
}

func lincomb[T kernel.Float](n int) (f, g, naive loop) {
	k := stages[T](7, n)
	c := []T{1, 2, 3, 4, 5}
	return func(calls int) {
		for range calls {
			kernel.LincombTo(k[5], k[6], 1e-3, c, k[:5])
		}
	}, nil, nil
}

func errorNorm[T kernel.Float](n int) (f, g, naive loop) {
	k := stages[T](9, n)
	c := []T{1, 2, 3, 4, 5, 6, 7}
	return func(calls int) {
		for range calls {
			sink = kernel.WeightedErrorNorm(1e-3, c, k[:7], k[7], k[8], 1e-6, 1e-3)
		}
	}, nil, nil
}

func matrix[T kernel.Float](n, mod int) kernel.Matrix[T] {
	return kernel.MatrixOf(n, n, values[T](n*n, mod))
}

func gemvN[T kernel.Float](n int) (f, g, naive loop) { return gemv[T](n, blas.NoTrans) }
func gemvT[T kernel.Float](n int) (f, g, naive loop) { return gemv[T](n, blas.Trans) }

func gemv[T kernel.Float](n int, trans blas.Transpose) (f, g, naive loop) {
	a, x, y := matrix[T](n, 97), values[T](n, 13), values[T](n, 17)
	g = func(calls int) {
		for range calls {
			impl.Dgemv(trans, n, n, 1, f64(a.Data), n, f64(x), 1, 0, f64(y), 1)
		}
	}
	if !is64[T]() {
		g = func(calls int) {
			for range calls {
				impl.Sgemv(trans, n, n, 1, f32(a.Data), n, f32(x), 1, 0, f32(y), 1)
			}
		}
	}
	f = func(calls int) {
		for range calls {
			kernel.Gemv(y, 1, a, x, 0)
		}
	}
	if trans == blas.Trans {
		f = func(calls int) {
			for range calls {
				kernel.GemvT(y, 1, a, x, 0)
			}
		}
	}
	return f, g, nil
}

func normalGrad[T kernel.Float](n int) (f, g, naive loop) {
	a, x, b, r, d := matrix[T](n, 97), values[T](n, 13), values[T](n, 17), values[T](n, 7), values[T](n, 3)
	return func(calls int) {
		for range calls {
			sink = kernel.NormalGrad(d, a, x, b, r)
		}
	}, nil, nil
}

func ger[T kernel.Float](n int) (f, g, naive loop) {
	a, x, y := matrix[T](n, 97), values[T](n, 13), values[T](n, 17)
	return func(calls int) {
		for range calls {
			kernel.Ger(a, 1e-9, x, y)
		}
	}, nil, nil
}

// The three forms call their kernels directly: by a function value they would
// copy the arguments once more, which shows at n = 16.

func gemmNN[T kernel.Float](n int) (f, g, naive loop) {
	a, b, c := matrix[T](n, 97), matrix[T](n, 31), matrix[T](n, 7)
	return func(calls int) {
		for range calls {
			kernel.Gemm(c, 1, a, b, 0)
		}
	}, gonumGemm(a, b, c, blas.NoTrans, blas.NoTrans), nil
}

func gemmNT[T kernel.Float](n int) (f, g, naive loop) {
	a, b, c := matrix[T](n, 97), matrix[T](n, 31), matrix[T](n, 7)
	return func(calls int) {
		for range calls {
			kernel.GemmNT(c, 1, a, b, 0)
		}
	}, gonumGemm(a, b, c, blas.NoTrans, blas.Trans), nil
}

func gemmTN[T kernel.Float](n int) (f, g, naive loop) {
	a, b, c := matrix[T](n, 97), matrix[T](n, 31), matrix[T](n, 7)
	return func(calls int) {
		for range calls {
			kernel.GemmTN(c, 1, a, b, 0)
		}
	}, gonumGemm(a, b, c, blas.Trans, blas.NoTrans), nil
}

// gonumGemm is gonum's product of the same square matrices, nil where it would
// take most of the time of the table.
func gonumGemm[T kernel.Float](a, b, c kernel.Matrix[T], ta, tb blas.Transpose) loop {
	n := a.Rows
	switch {
	case n > 1024:
		return nil
	case is64[T]():
		return func(calls int) {
			for range calls {
				impl.Dgemm(ta, tb, n, n, n, 1, f64(a.Data), n, f64(b.Data), n, 0, f64(c.Data), n)
			}
		}
	}
	return func(calls int) {
		for range calls {
			impl.Sgemm(ta, tb, n, n, n, 1, f32(a.Data), n, f32(b.Data), n, 0, f32(c.Data), n)
		}
	}
}

func syrk[T kernel.Float](n int) (f, g, naive loop) {
	a, c := matrix[T](n, 97), matrix[T](n, 31)
	return func(calls int) {
		for range calls {
			kernel.Syrk(c, 1, a, 0)
		}
	}, nil, nil
}

func unary[T kernel.Float](f func(dst, x []T), ref func(float64) float64) func(n int) (fn, g, naive loop) {
	return func(n int) (fn, g, naive loop) {
		x, y := values[T](n, 13), values[T](n, 17)
		return func(calls int) {
				for range calls {
					f(y, x)
				}
			}, nil, func(calls int) {
				for range calls {
					for i, v := range x {
						y[i] = T(ref(float64(v)))
					}
				}
			}
	}
}

// softmax is over 64 rows of n.
func softmax[T kernel.Float](n int) (f, g, naive loop) {
	m := kernel.MatrixOf(64, n, values[T](64*n, 13))
	return func(calls int) {
			for range calls {
				kernel.SoftmaxRows(m)
			}
		}, nil, func(calls int) {
			for c := range 64 * calls {
				i := c % 64
				row := m.Row(i)
				var s float64
				for j, v := range row {
					e := math.Exp(float64(v))
					row[j] = T(e)
					s += e
				}
				for j := range row {
					row[j] /= T(s)
				}
			}
		}
}
