package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/mat"
)

// InfiniteReLU stores the kernels of the infinitely wide ReLU network with the
// given number of hidden layers on the rows of x (m x d) in ntk and nngp, either
// of which may be nil: Θ_∞ and the covariance of the outputs at the start,
// without the factor 1/m of Net.NTK (arXiv 1806.07572; the arc-cosine kernels of
// Cho and Saul, 2009). From Σ_1 = σ_w² x·x'/d + σ_b² and Θ_1 = Σ_1,
//
//	Σ_{l+1} = σ_w² k1(Σ_l) + σ_b²,   Θ_{l+1} = Σ_{l+1} + σ_w² Θ_l k0(Σ_l)
//	k1 = √(Σ_11 Σ_22) (sin θ + (π - θ) cos θ)/2π,   k0 = (π - θ)/2π,
//
// cos θ = Σ_12/√(Σ_11 Σ_22). sigmaW = 0 means √2; sigmaB = 0 means no biases.
// Errors wrap ErrArgument, ErrEmpty or ErrNonFinite.
func InfiniteReLU[T flow.Float](ntk, nngp *mat.SymDense, x kernel.Matrix[T], hidden int, sigmaW, sigmaB float64) error {
	if hidden < 1 {
		return fmt.Errorf("catapult: hidden = %d layers, want at least 1: %w", hidden, ErrArgument)
	}
	if sigmaW == 0 {
		sigmaW = math.Sqrt2
	}
	if !(sigmaW > 0) || !(sigmaB >= 0) || math.IsInf(sigmaW+sigmaB, 0) {
		return fmt.Errorf("catapult: sigmaW = %v, sigmaB = %v, want finite numbers >= 0: %w", sigmaW, sigmaB, ErrArgument)
	}
	if x.Rows == 0 || x.Cols == 0 {
		return fmt.Errorf("catapult: x is %d x %d: %w", x.Rows, x.Cols, ErrEmpty)
	}
	if err := checkMatrix("x", x, x.Rows, x.Cols); err != nil {
		return err
	}
	m, w2, b2 := x.Rows, sigmaW*sigmaW, sigmaB*sigmaB
	gram := gram64(x)
	sigma := func(i, j int) float64 { return w2*gram.At(i, j)/float64(x.Cols) + b2 }
	for _, k := range []*mat.SymDense{ntk, nngp} {
		if k == nil {
			continue
		}
		if k.IsEmpty() {
			k.ReuseAsSym(m)
		}
		if k.SymmetricDim() != m {
			return fmt.Errorf("catapult: kernel matrix is %d x %d, want %d x %d: %w", k.SymmetricDim(), k.SymmetricDim(), m, m, ErrShape)
		}
	}
	for i := range m {
		for j := i; j < m; j++ {
			s, t := reluKernels(sigma(i, i), sigma(j, j), sigma(i, j), hidden, w2, b2)
			if nngp != nil {
				nngp.SetSym(i, j, s)
			}
			if ntk != nil {
				ntk.SetSym(i, j, t)
			}
		}
	}
	return nil
}

// gram64 is X Xᵀ in float64.
func gram64[T flow.Float](x kernel.Matrix[T]) kernel.Matrix[float64] {
	wide, g := kernel.NewMatrix[float64](x.Rows, x.Cols), kernel.NewMatrix[float64](x.Rows, x.Rows)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			wide.Set(i, j, float64(v))
		}
	}
	kernel.Syrk(g, 1, wide, 0)
	return g
}

// reluKernels iterates Σ and Θ of one pair of inputs from the first layer's
// covariances p = Σ_11, q = Σ_22, s = Σ_12.
func reluKernels(p, q, s float64, hidden int, w2, b2 float64) (sigma, theta float64) {
	theta = s
	for range hidden {
		k0, k1 := arccos(p, q, s)
		s = w2*k1 + b2
		theta = s + w2*theta*k0
		// On the diagonal θ = 0, so that k1(p, p, p) = p/2.
		p, q = w2*p/2+b2, w2*q/2+b2
	}
	return s, theta
}

// arccos returns the arc-cosine kernels E[φ'φ'] and E[φφ] of a Gaussian pair.
func arccos(p, q, s float64) (k0, k1 float64) {
	norm := math.Sqrt(p * q)
	if norm == 0 {
		return 0, 0
	}
	c := min(max(s/norm, -1), 1)
	a := math.Acos(c)
	k0 = (math.Pi - a) / (2 * math.Pi)
	return k0, norm * (math.Sin(a) + (math.Pi-a)*c) / (2 * math.Pi)
}
