package probe

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// NormaliseFilters scales every block of the direction d to the norm of the same
// block of x, d_b ← d_b ‖x_b‖/‖d_b‖: filter normalisation (Li, Xu, Taylor, Studer
// and Goldstein, arXiv 1712.09913, section 4), which makes landscapes comparable
// between networks whose layers can be rescaled without changing what they
// compute. blocks holds the lengths of the blocks (for a layer one filter or one
// neuron each), whose sum is the dimension; nil is one block. A block of x that is
// zero makes that of d zero, and so does one of d. The error wraps
// flow.ErrArgument.
func NormaliseFilters[T flow.Float](d, x []T, blocks []int) error {
	if len(d) != len(x) {
		return fmt.Errorf("probe: len(d) is %d, want the length of x, %d: %w", len(d), len(x), flow.ErrArgument)
	}
	if blocks == nil {
		blocks = []int{len(x)}
	}
	sum := 0
	for i, n := range blocks {
		if n < 0 || n > len(x)-sum {
			return fmt.Errorf("probe: blocks[%d] is %d, want lengths >= 0 of sum %d: %w", i, n, len(x), flow.ErrArgument)
		}
		sum += n
	}
	if sum != len(x) {
		return fmt.Errorf("probe: lengths of blocks have the sum %d, want the length of x, %d: %w", sum, len(x), flow.ErrArgument)
	}
	for _, n := range blocks {
		if norm := kernel.Nrm2(d[:n]); norm > 0 {
			kernel.Scal(T(kernel.Nrm2(x[:n])/norm), d[:n])
		}
		d, x = d[n:], x[n:]
	}
	return nil
}

// RandomDirection stores a random direction, Gaussian and filter-normalised to x
// (see NormaliseFilters), in dst. Directions of one seed with different indices
// are independent, which in high dimension means nearly orthogonal. The error
// wraps flow.ErrArgument.
func RandomDirection[T flow.Float](dst, x []T, blocks []int, seed uint64, index uint32) error {
	if len(dst) != len(x) {
		return fmt.Errorf("probe: len(dst) is %d, want the length of x, %d: %w", len(dst), len(x), flow.ErrArgument)
	}
	philox.FillNormals(dst, philox.Stream{Seed: seed, ID: index}, philox.Starts, 0)
	return NormaliseFilters(dst, x, blocks)
}

// LineSlice returns the energies E(x + a_i d) along the direction d, for instance
// a RandomDirection, an eigenvector of the Hessian, or the difference of two
// minima. Energies that are not finite are results. Errors wrap flow.ErrArgument
// or flow.ErrNonFinite.
func LineSlice[T flow.Float](e flow.Energy[T], x, d []T, a []float64) ([]float64, error) {
	if err := checkSlice(e, x, d); err != nil {
		return nil, err
	}
	y, out := make([]T, len(x)), make([]float64, len(a))
	for i, s := range a {
		kernel.AxpyTo(y, T(s), d, x)
		out[i] = e.EnergyGrad(nil, y)
	}
	return out, nil
}

// PlaneSlice returns the energies E(x + a_i d1 + b_j d2) as row i, column j of a
// matrix; else it is like LineSlice.
func PlaneSlice[T flow.Float](e flow.Energy[T], x, d1, d2 []T, a, b []float64) (kernel.Matrix[float64], error) {
	for _, d := range [][]T{d1, d2} {
		if err := checkSlice(e, x, d); err != nil {
			return kernel.Matrix[float64]{}, err
		}
	}
	y, z := make([]T, len(x)), make([]T, len(x))
	out := kernel.NewMatrix[float64](len(a), len(b))
	for i, s := range a {
		kernel.AxpyTo(y, T(s), d1, x)
		row := out.Row(i)
		for j, u := range b {
			kernel.AxpyTo(z, T(u), d2, y)
			row[j] = e.EnergyGrad(nil, z)
		}
	}
	return out, nil
}

func checkSlice[T flow.Float](e flow.Energy[T], x, d []T) error {
	if err := checkPoint(e, x); err != nil {
		return err
	}
	if len(d) != len(x) {
		return fmt.Errorf("probe: a direction has length %d, want that of x, %d: %w", len(d), len(x), flow.ErrArgument)
	}
	if !kernel.AllFinite(d) {
		return fmt.Errorf("probe: a direction holds a NaN or an infinity: %w", flow.ErrNonFinite)
	}
	return nil
}
