package infogeo

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// PairSubsetSums is SubsetSums of a function x that is 0 but for subsets of at most two
// elements, by O(2^N) additions: the sums of the subsets with the last element i are
// those without it plus a linear function, and a linear function doubles its length by
// adding a constant. Other elements of x are not read. It panics unless len(x) is a power
// of two. (The algorithm is ours.)
func PairSubsetSums[T flow.Float](x []T) {
	checkSubsets(len(x))
	for half := 1; half < len(x); half *= 2 {
		last := x[half : 2*half]
		for b := 1; b < half; b *= 2 {
			c, lo, hi := last[b], last[:b], last[b:2*b]
			for ; len(lo) >= 4 && len(hi) >= 4; lo, hi = lo[4:], hi[4:] {
				hi[0], hi[1], hi[2], hi[3] = lo[0]+c, lo[1]+c, lo[2]+c, lo[3]+c
			}
			for y, v := range lo {
				hi[y] = v + c
			}
		}
		kernel.AddTo(last, last, x[:half])
	}
}

// PairSupersetSums makes x_S, for subsets S of at most two elements, the superset sum
// Σ_{R ⊇ S} x_R, by O(2^N) additions; the other elements are left as anything. It is the
// transpose of PairSubsetSums and panics unless len(x) is a power of two.
func PairSupersetSums[T flow.Float](x []T) {
	checkSubsets(len(x))
	for half := len(x) / 2; half > 0; half /= 2 {
		last := x[half : 2*half]
		kernel.AddTo(x[:half], x[:half], last)
		for b := half / 2; b > 0; b /= 2 {
			lo, hi := last[:b], last[b:2*b]
			c := T(kernel.Sum(hi))
			kernel.AddTo(lo, lo, hi)
			hi[0] = c
		}
	}
}
