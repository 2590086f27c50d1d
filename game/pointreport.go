package game

import (
	"cmp"
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// PointReport is what a game looks like at a point x: its field ξ, the Jacobian
// J = S + A with symmetric and antisymmetric parts, and what they say about Nash points
// and stability.
type PointReport struct {
	X      []float64
	Losses []float64
	Field  []float64
	Norm   float64 // |ξ|

	Jacobian      *mat.Dense
	Eigenvalues   []complex128 // of J, by growing real, then imaginary part
	SymmetricEigs []float64    // of S, growing
	OwnEigs       [][]float64  // of the Hessian of every player in its own block, growing
	Divergence    float64      // tr J
	SNorm, ANorm  float64      // Frobenius norms of S and A

	// Critical says ξ = 0: the necessary condition of the first order for a Nash point.
	// All flags below want it.
	Critical bool
	// DifferentialNash: all own Hessians are positive definite, so that x is a strict local
	// Nash point. NecessaryNash: they are positive semidefinite, the necessary condition of
	// the second order.
	DifferentialNash, NecessaryNash bool
	// StableFlow: all eigenvalues of J have positive real parts, so that gradient play
	// x' = -ξ converges from near. UnstableFlow: one has a negative real part. Saddle:
	// both signs occur. A strict Nash point can be any of them.
	StableFlow, UnstableFlow, Saddle bool
	// StableFixedPoint is that of Letcher et al. (JMLR 2019): S >= 0 and J invertible.
	StableFixedPoint bool

	// The learning rates below which a method converges from near x, 0 if none does: of
	// gradient descent, extragradient and optimistic descent.
	CriticalGD, CriticalEG, CriticalOGDA float64
}

// Inspect reports on a game at x. Numbers below tol times |J|_F count as 0, for ξ those
// below tol max(1, |J|_F); tol = 0 is 1e-8. Derivatives come from the game or by
// differences (Numeric).
//
// Errors: ErrArgument for a nil game or a bad tolerance, ErrShape and ErrNotFinite for x,
// ErrNotFinite for losses or derivatives that are not finite, ErrNotConverged for
// eigenvalues.
func Inspect(g Game, x []float64, tol float64) (*PointReport, error) {
	if g == nil || !(tol >= 0) || tol >= 1 {
		return nil, fmt.Errorf("game: Inspect: nil game: %t, tol = %v, want a game and 0 <= tol < 1: %w", g == nil, tol, ErrArgument)
	}
	n := Dim(g)
	if err := checkPoint("x", x, n); err != nil {
		return nil, err
	}
	if tol == 0 {
		tol = 1e-8
	}
	full, blocks := Numeric(g), g.Blocks()
	r := &PointReport{X: slices.Clone(x), Losses: make([]float64, len(blocks)), Field: make([]float64, n), Jacobian: mat.NewDense(n, n, nil)}
	full.Losses(r.Losses, x)
	full.Field(r.Field, x)
	full.Jacobian(r.Jacobian, x)
	if !kernel.AllFinite(r.Losses) || !kernel.AllFinite(r.Field) || !kernel.AllFinite(r.Jacobian.RawMatrix().Data) {
		return nil, fmt.Errorf("game: Inspect: losses, field or Jacobian at x = %v are not finite: %w", x, ErrNotFinite)
	}
	if err := r.spectra(blocks); err != nil {
		return nil, err
	}
	r.judge(tol)
	return r, r.criticalSteps()
}

// spectra fills in everything linear algebra says about J.
func (r *PointReport) spectra(blocks []int) (err error) {
	n := len(r.X)
	r.Norm = kernel.Nrm2(r.Field)
	if r.Eigenvalues, err = eigenvalues(r.Jacobian); err != nil {
		return err
	}
	byRealPart(r.Eigenvalues)
	s := mat.NewSymDense(n, nil)
	for k := range n {
		r.Divergence += r.Jacobian.At(k, k)
		for l := k; l < n; l++ {
			p, q := r.Jacobian.At(k, l), r.Jacobian.At(l, k)
			s.SetSym(k, l, (p+q)/2)
			if l > k {
				r.ANorm += (p - q) * (p - q) / 2
			}
		}
	}
	r.ANorm, r.SNorm = math.Sqrt(r.ANorm), mat.Norm(s, 2)
	if r.SymmetricEigs, err = symmetricEigenvalues(s); err != nil {
		return err
	}
	for i, d := range blocks {
		own := mat.NewSymDense(d, nil)
		OwnBlock(own, r.Jacobian, blocks, i)
		e, err := symmetricEigenvalues(own)
		if err != nil {
			return err
		}
		r.OwnEigs = append(r.OwnEigs, e)
	}
	return nil
}

// judge sets the flags and critical steps.
func (r *PointReport) judge(tol float64) {
	size := mat.Norm(r.Jacobian, 2)
	small := tol * size
	if r.Critical = r.Norm <= tol*math.Max(1, size); !r.Critical {
		return
	}
	r.DifferentialNash, r.NecessaryNash = true, true
	for _, e := range r.OwnEigs {
		r.DifferentialNash = r.DifferentialNash && e[0] > small
		r.NecessaryNash = r.NecessaryNash && e[0] >= -small
	}
	lowest, highest, least := real(r.Eigenvalues[0]), real(r.Eigenvalues[len(r.Eigenvalues)-1]), math.Inf(1)
	for _, l := range r.Eigenvalues {
		least = math.Min(least, cmplx.Abs(l))
	}
	r.StableFlow = lowest > small
	r.UnstableFlow = lowest < -small
	r.Saddle = r.UnstableFlow && highest > small
	r.StableFixedPoint = r.SymmetricEigs[0] >= -small && least > small
}

// byRealPart sorts complex numbers by growing real, then imaginary part.
func byRealPart(v []complex128) {
	slices.SortFunc(v, func(a, b complex128) int {
		return cmp.Or(cmp.Compare(real(a), real(b)), cmp.Compare(imag(a), imag(b)))
	})
}

func symmetricEigenvalues(m mat.Symmetric) ([]float64, error) {
	var e mat.EigenSym
	if !e.Factorize(m, false) {
		return nil, fmt.Errorf("game: eigenvalues of a symmetric matrix: %w", ErrNotConverged)
	}
	return e.Values(nil), nil
}
