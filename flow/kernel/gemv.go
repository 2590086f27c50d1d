package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
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
	if a.Rows*a.Cols >= parallelReads && alpha != 0 && gemvParallel(productGemv, y, alpha, a, x, beta) {
		return
	}
	gemv(y, alpha, a, x, beta)
}

// gemv is Gemv on one goroutine.
func gemv[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	if alpha == 0 || a.Rows == 0 || a.Cols == 0 {
		scale(beta, y)
		return
	}
	if !assembly {
		gemvTwin(y, alpha, a, x, beta)
		return
	}
	if a.Cols <= narrow[T]() && a.Rows >= 4 {
		gemvNarrow(y, alpha, a, x, beta)
		return
	}
	if is64[T]() {
		f64.Gemv(a.Rows, a.Cols, float64(alpha), first[float64](a.Data), a.Stride, first[float64](x), float64(beta), first[float64](y))
		return
	}
	f32.Gemv(a.Rows, a.Cols, float32(alpha), first[float32](a.Data), a.Stride, first[float32](x), float32(beta), first[float32](y))
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

// gemvTwin is Gemv for α != 0 and A not empty.
func gemvTwin[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	i := 0
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
	for ; i < a.Rows; i++ {
		s := alpha * dotTwin(a.Row(i), x)
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
	if assembly && alpha != 0 && a.Rows > 0 && a.Cols > 0 && a.Cols <= narrow[T]() {
		gemvTNarrow(y, alpha, a, x, beta)
		return
	}
	scale(beta, y)
	if alpha == 0 || a.Rows == 0 || a.Cols == 0 {
		return
	}
	if a.Rows*a.Cols >= parallelReads && gemvParallel(productGemvT, y, alpha, a, x, 1) {
		return
	}
	gemvT(y, alpha, a, x)
}

// gemvT adds α Aᵀ x to y on one goroutine.
func gemvT[T Float](y []T, alpha T, a Matrix[T], x []T) {
	if !assembly {
		gemvTTwin(y, alpha, a, x)
		return
	}
	if is64[T]() {
		f64.GemvT(a.Rows, a.Cols, float64(alpha), first[float64](a.Data), a.Stride, first[float64](x), first[float64](y))
		return
	}
	f32.GemvT(a.Rows, a.Cols, float32(alpha), first[float32](a.Data), a.Stride, first[float32](x), first[float32](y))
}

// narrow is the greatest number of columns of the kernels that keep a row's worth of
// numbers in registers: six vectors.
func narrow[T Float]() int { return 3 * stripWidth[T]() }

// gemvNarrow is gemv with x in registers.
func gemvNarrow[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	if is64[T]() {
		f64.GemvNarrow(a.Rows, a.Cols, float64(alpha), first[float64](a.Data), a.Stride, first[float64](x), float64(beta), first[float64](y))
		return
	}
	f32.GemvNarrow(a.Rows, a.Cols, float32(alpha), first[float32](a.Data), a.Stride, first[float32](x), float32(beta), first[float32](y))
}

// gemvTNarrow is GemvT with y in registers.
func gemvTNarrow[T Float](y []T, alpha T, a Matrix[T], x []T, beta T) {
	if is64[T]() {
		f64.GemvTNarrow(a.Rows, a.Cols, float64(alpha), first[float64](a.Data), a.Stride, first[float64](x), float64(beta), first[float64](y))
		return
	}
	f32.GemvTNarrow(a.Rows, a.Cols, float32(alpha), first[float32](a.Data), a.Stride, first[float32](x), float32(beta), first[float32](y))
}

// gemvTTwin adds α Aᵀ x to y, four rows at a time: each y_j is loaded
// and stored once for four multiplications.
func gemvTTwin[T Float](y []T, alpha T, a Matrix[T], x []T) {
	i := 0
	for ; i+4 <= a.Rows; i += 4 {
		axpy4(y, a.Data[i*a.Stride:], a.Stride, alpha*x[i], alpha*x[i+1], alpha*x[i+2], alpha*x[i+3])
	}
	for ; i < a.Rows; i++ {
		axpyTwin(alpha*x[i], a.Row(i), y)
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
