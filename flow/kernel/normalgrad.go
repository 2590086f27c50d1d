package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// NormalGrad computes the residual r = A x - b and the gradient g = Aᵀ r of the
// least-squares energy, and returns the energy ½|r|², summed in float64. A is
// read from memory once: each block of rows is multiplied by x and added to g
// while it is still in cache. The slices must not overlap. It panics unless
// len(x) = len(g) = a.Cols and len(b) = len(r) = a.Rows.
func NormalGrad[T Float](g []T, a Matrix[T], x, b, r []T) float64 {
	a.check("a")
	if len(g) != a.Cols {
		badLen("g", len(g), "a.Cols", a.Cols)
	}
	if len(x) != a.Cols {
		badLen("x", len(x), "a.Cols", a.Cols)
	}
	if len(b) != a.Rows {
		badLen("b", len(b), "a.Rows", a.Rows)
	}
	if len(r) != a.Rows {
		badLen("r", len(r), "a.Rows", a.Rows)
	}
	clear(g)
	normalGrad(g, a, x, b, r)
	return SumSq(r) / 2
}

// normalGrad stores A x - b in r and adds Aᵀ r to g.
func normalGrad[T Float](g []T, a Matrix[T], x, b, r []T) {
	if !assembly || a.Rows == 0 || a.Cols == 0 {
		normalGradTwin(g, a, x, b, r)
		return
	}
	if is64[T]() {
		f64.NormalGrad(a.Rows, a.Cols, first[float64](a.Data), a.Stride, first[float64](x), first[float64](b), first[float64](r), first[float64](g))
		return
	}
	f32.NormalGrad(a.Rows, a.Cols, first[float32](a.Data), a.Stride, first[float32](x), first[float32](b), first[float32](r), first[float32](g))
}

// normalGradTwin stores A x - b in r and adds Aᵀ r to g.
func normalGradTwin[T Float](g []T, a Matrix[T], x, b, r []T) {
	i := 0
	for ; i+4 <= a.Rows; i += 4 {
		rows := a.Data[i*a.Stride:]
		var s [4]T
		s[0], s[1], s[2], s[3] = dot4(rows, a.Stride, x)
		for q := range s {
			s[q] -= b[i+q]
			r[i+q] = s[q]
		}
		axpy4(g, rows, a.Stride, s[0], s[1], s[2], s[3])
	}
	for ; i < a.Rows; i++ {
		row := a.Row(i)
		d := dotTwin(row, x) - b[i]
		r[i] = d
		axpyTwin(d, row, g)
	}
}

// RowwiseGrad differentiates a sum of losses of linear forms,
// E(x) = Σ_i ℓ_i(a_iᵀ x) with a_i the rows of A: logistic regression,
// single-index models. f returns ℓ_i and its derivative at m = a_iᵀ x, and is
// called once for each row, in order. RowwiseGrad stores Σ_i ℓ_i' a_i in g and
// returns E, reading A from memory once. It panics unless len(x) = len(g) =
// a.Cols.
func RowwiseGrad[T Float](g []T, a Matrix[T], x []T, f func(i int, m T) (loss float64, coef T)) float64 {
	a.check("a")
	if len(g) != a.Cols {
		badLen("g", len(g), "a.Cols", a.Cols)
	}
	if len(x) != a.Cols {
		badLen("x", len(x), "a.Cols", a.Cols)
	}
	clear(g)
	var e float64
	for i := range a.Rows {
		row := a.Row(i)
		loss, coef := f(i, Dot(row, x))
		e += loss
		Axpy(coef, row, g)
	}
	return e
}
