package kernel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// Gemv stores α A x + β y in y, for A with Rows = len(y) and Cols = len(x).
// With β = 0 the old y is not read, with α = 0 neither A nor x is. It panics
// if the shapes do not fit.
func Gemv[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	a.check("a")
	if len(x) != a.Cols {
		badLen("x", len(x), "a.Cols", a.Cols)
	}
	if len(y) != a.Rows {
		badLen("y", len(y), "a.Rows", a.Rows)
	}
	if alpha == 0 || a.Rows == 0 || a.Cols == 0 {
		scale(beta, y)
		return
	}
	gemv(y, alpha, a, x, beta)
}

// scale multiplies y by β, and clears it if β = 0 whatever it holds.
func scale[T Float](beta T, y []T) {
	switch beta {
	case 0:
		clear(y)
	case 1:
	default:
		Scal(beta, y)
	}
}

// gemv is the portable Gemv, α != 0 and A not empty.
func gemv[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	if gonumSIMD && len(x) >= 8 && is64[T]() {
		scale(beta, y)
		gonum.Implementation{}.Dgemv(blas.NoTrans, a.Rows, a.Cols, float64(alpha), as[float64](a.Data), a.Stride,
			as[float64](x), 1, 1, as[float64](y), 1)
		return
	}
	i := 0
	if n := len(x); !gonumSIMD || n < 32 {
		for ; i+4 <= a.Rows; i += 4 {
			s0, s1, s2, s3 := dot4(a.Data[i*a.Stride:], a.Stride, x)
			if beta == 0 {
				*(*[4]T)(y[i:]) = [4]T{alpha * s0, alpha * s1, alpha * s2, alpha * s3}
				continue
			}
			y[i] = alpha*s0 + beta*y[i]
			y[i+1] = alpha*s1 + beta*y[i+1]
			y[i+2] = alpha*s2 + beta*y[i+2]
			y[i+3] = alpha*s3 + beta*y[i+3]
		}
	}
	for ; i < a.Rows; i++ {
		s := alpha * dot(a.Row(i), x)
		if beta != 0 {
			s += beta * y[i]
		}
		y[i] = s
	}
}

// dot4 returns the products of x with the four rows that start at a: each x_j
// is loaded once for four multiplications.
func dot4[T Float](a []T, stride int, x []T) (s0, s1, s2, s3 T) {
	n := len(x)
	a0 := a[:n]
	a1 := a[stride:][:n]
	a2 := a[2*stride:][:n]
	a3 := a[3*stride:][:n]
	for j, v := range x {
		s0 += a0[j] * v
		s1 += a1[j] * v
		s2 += a2[j] * v
		s3 += a3[j] * v
	}
	return s0, s1, s2, s3
}

// GemvT stores α Aᵀ x + β y in y, for A with Rows = len(x) and Cols = len(y).
// With β = 0 the old y is not read, with α = 0 neither A nor x is. It panics
// if the shapes do not fit.
func GemvT[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	a.check("a")
	if len(x) != a.Rows {
		badLen("x", len(x), "a.Rows", a.Rows)
	}
	if len(y) != a.Cols {
		badLen("y", len(y), "a.Cols", a.Cols)
	}
	scale(beta, y)
	if alpha == 0 || a.Rows == 0 || a.Cols == 0 {
		return
	}
	gemvT(y, alpha, a, x)
}

// gemvT is the portable y += α Aᵀ x, four rows at a time: each y_j is loaded
// and stored once for four multiplications.
func gemvT[T Float](y []T, alpha T, a Matrix[T], x []T) {
	i := 0
	if n := len(y); !gonumSIMD || n < 32 {
		for ; i+4 <= a.Rows; i += 4 {
			axpy4(y, a.Data[i*a.Stride:], a.Stride, alpha*x[i], alpha*x[i+1], alpha*x[i+2], alpha*x[i+3])
		}
	}
	for ; i < a.Rows; i++ {
		axpy(alpha*x[i], a.Row(i), y)
	}
}

// axpy4 adds c0..c3 times the four rows that start at a to y.
func axpy4[T Float](y, a []T, stride int, c0, c1, c2, c3 T) {
	n := len(y)
	a0 := a[:n]
	a1 := a[stride:][:n]
	a2 := a[2*stride:][:n]
	a3 := a[3*stride:][:n]
	for j := range y {
		y[j] += (c0*a0[j] + c1*a1[j]) + (c2*a2[j] + c3*a3[j])
	}
}
