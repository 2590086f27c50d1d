package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// weightedNorm is ‖v‖_sc of Tol, with the scale of the step from x to y.
func weightedNorm[T Float](tol *Tol, v, x, y []T) float64 {
	if tol.AbsVec == nil {
		return kernel.WeightedNorm(v, x, y, tol.Abs, tol.Rel)
	}
	if len(v) == 0 {
		return 0
	}
	var s float64
	for i, abs := range tol.AbsVec {
		q := float64(v[i]) / (abs + tol.Rel*max(math.Abs(float64(x[i])), math.Abs(float64(y[i]))))
		s += q * q
	}
	return math.Sqrt(s / float64(len(v)))
}

// errorNorm is ‖h Σ e_i k_i‖_sc; tmp is scratch.
func errorNorm[T Float](tol *Tol, h float64, e []T, k [][]T, tmp, x, y []T) float64 {
	if len(x) <= smallDim && tol.AbsVec == nil {
		return smallErrorNorm(tol, h, e, k, x, y)
	}
	if tol.AbsVec == nil {
		return kernel.WeightedErrorNorm(h, e, k, x, y, tol.Abs, tol.Rel)
	}
	clear(tmp)
	kernel.LincombTo(tmp, tmp, T(h), e, k)
	return weightedNorm(tol, tmp, x, y)
}

// finite says that x is neither NaN nor infinite: only then x - x is zero.
func finite(x float64) bool { return x-x == 0 }

// firstNonFinite returns the index of the first entry that is NaN or infinite,
// -1 if there is none.
func firstNonFinite[T Float](x []T) int {
	if kernel.AllFinite(x) {
		return -1
	}
	for i, v := range x {
		if !finite(float64(v)) {
			return i
		}
	}
	return -1
}

// arena returns m vectors of length n cut from one allocation. Unless they are
// short, some spare elements lie between them: vectors whose distance is a multiple
// of the page size slow each other down (4K aliasing).
func arena[T Float](m, n int) [][]T {
	stride := n
	if n > smallDim {
		stride += 24
	}
	data := make([]T, m*stride)
	v := make([][]T, m)
	for i := range v {
		v[i] = data[i*stride : i*stride+n : i*stride+n]
	}
	return v
}
