package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// NoiseFloor returns the loss at which descent with sampling noise settles near its
// target, to first order in 1/B: the target of every step is the histogram of a
// mini-batch of B samples from q instead of q itself, and
//
//	E[L] = 1/(2B) Σ_i α μ_i/(2 - α μ_i),
//
// μ_i being the eigenvalues of the linearisation δ ← (I - αQ)δ + αw, Cov w = Q/B:
// those of G for GDTheta, of G⁻¹ for GDEta, n ones for natural gradients
// (Descent.Eigenvalues). For NGDEta with the loss Forward the covariance behind it is
// exact at every α in (0, 2). It is +Inf where α μ_i >= 2. The floor does not depend
// on the coordinates in which the noise is looked at, unlike those of AdditiveNoise
// and IterateNoise. (Derived by us: the Lyapunov equation with commuting matrices.)
func NoiseFloor(eigs []float64, alpha float64, batch int) float64 {
	var s float64
	for _, mu := range eigs {
		if !(alpha*mu < 2) {
			return math.Inf(1)
		}
		s += alpha * mu / (2 - alpha*mu)
	}
	return s / (2 * float64(batch))
}

// AdditiveNoise returns E|x-x*|²/σ² = Σ α/(μ_i(2-αμ_i)), the stationary spread of
// x ← x - α(Qx + w) with gradient noise Cov w = σ² I in the coordinates of x. It is
// not invariant: the same σ means something else in other coordinates. It is +Inf
// where α μ_i >= 2.
func AdditiveNoise(eigs []float64, alpha float64) float64 {
	var s float64
	for _, mu := range eigs {
		if !(alpha*mu < 2) {
			return math.Inf(1)
		}
		s += alpha / (mu * (2 - alpha*mu))
	}
	return s
}

// IterateNoise returns E|x-x*|²/σ² = Σ 1/(1-(1-αμ_i)²), the stationary spread of
// x ← x - αQx + w with noise Cov w = σ² I added to the iterate. Natural gradients have
// its smallest value, n, at α = 1. Like AdditiveNoise it is not invariant. It is +Inf
// where α μ_i >= 2.
func IterateNoise(eigs []float64, alpha float64) float64 {
	var s float64
	for _, mu := range eigs {
		if !(alpha*mu < 2) {
			return math.Inf(1)
		}
		c := 1 - alpha*mu
		s += 1 / (1 - c*c)
	}
	return s
}

// Eigenvalues returns the eigenvalues μ_i of the matrix Q in the linearisation
// x ← x - αQ(x - x*) of the method at its first target: those of G for GDTheta, their
// inverses for GDEta, K-1 ones for natural gradients, and those of the Fisher matrix
// of the logits besides 0 for GDLogits.
func (d *Descent[T]) Eigenvalues() []float64 {
	p := float64s(d.f.pt.q)
	n := len(p) - 1
	eig := make([]float64, n)
	var err error
	switch d.opt.Method {
	case GDTheta:
		err = SimplexEigenvalues(eig, p, n)
	case GDEta:
		err = SimplexEigenvalues(eig, p, n)
		for i, v := range eig {
			eig[i] = 1 / v
		}
	case GDLogits:
		err = LogitEigenvalues(eig, p)
	default:
		for i := range eig {
			eig[i] = 1
		}
	}
	if err != nil { // a target with zeros, set later
		for i := range eig {
			eig[i] = math.NaN()
		}
	}
	return eig
}

// SamplingCovariance returns the stationary covariance of the state of GDTheta (θ),
// GDEta (η) or NGDEta (η) with sampling noise, to first order in 1/B:
//
//	θ: (α/B) (2I - αG)⁻¹,   η: (α/B) (2I - αG⁻¹)⁻¹,   natural, in η: α/(2-α) G/B,
//
// G being the Fisher matrix at q with the reference state ref. The error wraps
// ErrInvalid (also for a step size at or above the limit of stability), or ErrBoundary.
func SamplingCovariance(q []float64, ref int, m Method, alpha float64, batch int) (*mat.SymDense, error) {
	d, err := NewDescent(q, ref, DescentOptions{Method: m, Alpha: alpha})
	if err != nil {
		return nil, err
	}
	if batch < 1 {
		return nil, fmt.Errorf("infogeo: batch = %d, want at least 1: %w", batch, ErrInvalid)
	}
	if !(alpha < d.Limit()) {
		return nil, fmt.Errorf("infogeo: alpha = %v, want less than the limit %v of %v: %w", alpha, d.Limit(), m, ErrInvalid)
	}
	n := len(q) - 1
	p := d.f.pt.q
	g := mat.NewSymDense(n, nil)
	b := float64(batch)
	switch m {
	case NGDEta:
		for i := range n {
			for j := i; j < n; j++ {
				g.SetSym(i, j, -p[i]*p[j])
			}
			g.SetSym(i, i, p[i]*(1-p[i]))
		}
		g.ScaleSym(alpha/(2-alpha)/b, g)
		return g, nil
	case GDTheta:
		for i := range n {
			for j := i; j < n; j++ {
				g.SetSym(i, j, alpha*p[i]*p[j])
			}
			g.SetSym(i, i, 2-alpha*p[i]*(1-p[i]))
		}
	case GDEta:
		for i := range n {
			for j := i; j < n; j++ {
				g.SetSym(i, j, -alpha/p[n])
			}
			g.SetSym(i, i, 2-alpha/p[i]-alpha/p[n])
		}
	default:
		return nil, fmt.Errorf("infogeo: Method = %v, want gd_theta, gd_eta or ngd_eta: %w", m, ErrInvalid)
	}
	var chol mat.Cholesky
	if !chol.Factorize(g) {
		return nil, fmt.Errorf("infogeo: 2I - alpha Q: %w", ErrNotPositiveDefinite)
	}
	var inv mat.SymDense
	if err := chol.InverseTo(&inv); err != nil {
		return nil, fmt.Errorf("infogeo: 2I - alpha Q: %v: %w", err, ErrNotPositiveDefinite)
	}
	inv.ScaleSym(alpha/b, &inv)
	return &inv, nil
}

// StationaryCovariance solves the discrete Lyapunov equation Σ = M Σ Mᵀ + N: Σ is the
// covariance in which x ← M x + w, Cov w = N, comes to rest. It sums the series
// Σ M^k N (Mᵀ)^k by doubling. The error wraps ErrShape, ErrInvalid, or ErrNoConvergence if
// the spectral radius of M is not below 1.
func StationaryCovariance(m mat.Matrix, n mat.Symmetric) (*mat.SymDense, error) {
	r, c := m.Dims()
	if k := n.SymmetricDim(); r != c || k != r || r == 0 {
		return nil, fmt.Errorf("infogeo: M is %d x %d and N of order %d, want square matrices of one size: %w", r, c, k, ErrShape)
	}
	const doublings = 64 // 2^64 terms
	a := mat.DenseCopyOf(m)
	s := mat.DenseCopyOf(n)
	if x := mat.Norm(a, 1) + mat.Norm(s, 1); math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("infogeo: M or N is not finite: %w", ErrInvalid)
	}
	var t, sq mat.Dense
	for range doublings {
		t.Product(a, s, a.T())
		size := mat.Norm(s, 1)
		s.Add(s, &t)
		if d := mat.Norm(&t, 1); d <= 0x1p-53*size {
			out := mat.NewSymDense(r, nil)
			for i := range r {
				for j := i; j < r; j++ {
					out.SetSym(i, j, (s.At(i, j)+s.At(j, i))/2)
				}
			}
			return out, nil
		} else if math.IsNaN(d) || math.IsInf(d, 0) {
			break
		}
		sq.Mul(a, a)
		a.Copy(&sq)
	}
	return nil, fmt.Errorf("infogeo: the series does not converge, spectral radius of M >= 1: %w", ErrNoConvergence)
}
