package deq

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// factors is a square matrix and its factors P L U, in memory of its own.
type factors struct {
	n     int
	a     []float64
	pivot []int
}

// matrix returns the elements, row by row, to be set before factor.
func (f *factors) matrix(n int) []float64 {
	f.n, f.a, f.pivot = n, room(f.a, n*n), room(f.pivot, n)
	return f.a
}

func (f *factors) general() blas64.General {
	return blas64.General{Rows: f.n, Cols: f.n, Stride: max(1, f.n), Data: f.a}
}

// factor reports whether the matrix is finite and regular: no pivot is below the
// rounding level of the largest.
func (f *factors) factor() bool {
	if !kernel.AllFinite(f.a) || !lapack64.Getrf(f.general(), f.pivot) {
		return false
	}
	least, most := math.Inf(1), 0.0
	for i := range f.n {
		v := math.Abs(f.a[i*f.n+i])
		least, most = min(least, v), max(most, v)
	}
	return least > 1e-15*most
}

// solve replaces b by the solution.
func (f *factors) solve(b []float64) {
	lapack64.Getrs(blas.NoTrans, f.general(), blas64.General{Rows: f.n, Cols: 1, Stride: 1, Data: b}, f.pivot)
}

// solveMany replaces the columns of b (n x k, row by row) by the solutions.
func (f *factors) solveMany(b []float64, k int) {
	lapack64.Getrs(blas.NoTrans, f.general(), blas64.General{Rows: f.n, Cols: k, Stride: max(1, k), Data: b}, f.pivot)
}
