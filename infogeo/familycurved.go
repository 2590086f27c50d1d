package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Curved is a curved exponential family, the members θ(u) of an exponential family for u
// in R^m (Efron, Annals of Statistics 3 (1975) 1189), with the forward loss
//
//	L(u) = ψ(θ(u)) - θ(u)·η_q
//
// to a target q with the expectation parameters η_q, which is KL(q‖p) without the entropy
// of q. It is a flow.Energy, and with its Fisher matrix I = JᵀGJ, J = ∂θ/∂u, a flow.Metric:
// flow.NaturalFlow(c, c) is its natural gradient flow. It holds scratch memory.
type Curved struct {
	f            Family
	m            int
	theta        func(theta, u []float64)
	jacobian     func(j kernel.Matrix[float64], u []float64)
	target       []float64
	th, eta, col []float64
	j            kernel.Matrix[float64] // d x m
	gj           kernel.Matrix[float64] // m x d: rows G J_i
	fisher       *cholesky
	err          error
}

var (
	_ flow.Energy[float64] = (*Curved)(nil)
	_ flow.Metric[float64] = (*Curved)(nil)
)

// NewCurved returns the family of dimension m for the functions that store θ(u) and the
// Dim x m matrix ∂θ/∂u, and the target η_q, which it copies. Errors wrap ErrInvalid and
// ErrShape.
func NewCurved(f Family, m int, theta func(theta, u []float64), jacobian func(j kernel.Matrix[float64], u []float64), target []float64) (*Curved, error) {
	if f == nil || theta == nil || jacobian == nil || m < 1 {
		return nil, fmt.Errorf("infogeo: curved family of dimension %d, want a family, a dimension > 0 and two functions: %w", m, ErrInvalid)
	}
	d := f.Dim()
	if len(target) != d {
		return nil, fmt.Errorf("infogeo: target of length %d, want the dimension %d of the family: %w", len(target), d, ErrShape)
	}
	return &Curved{
		f: f, m: m, theta: theta, jacobian: jacobian, target: append([]float64(nil), target...),
		th: make([]float64, d), eta: make([]float64, d), col: make([]float64, d),
		j: kernel.NewMatrix[float64](d, m), gj: kernel.NewMatrix[float64](m, d), fisher: newCholesky(m),
	}, nil
}

// Dim implements flow.Energy.
func (c *Curved) Dim() int { return c.m }

// EnergyGrad implements flow.Energy; outside of the domain of the family both are NaN.
func (c *Curved) EnergyGrad(grad, u []float64) float64 {
	c.theta(c.th, u)
	if !kernel.AllFinite(c.th) || c.f.CheckNatural(c.th) != nil {
		for i := range grad {
			grad[i] = math.NaN()
		}
		return math.NaN()
	}
	e := c.f.LogPartition(c.th) - kernel.Dot(c.th, c.target)
	if grad != nil {
		c.f.Mean(c.eta, c.th)
		kernel.SubTo(c.eta, c.eta, c.target)
		c.jacobian(c.j, u)
		kernel.GemvT(grad, 1, c.j, c.eta, 0)
	}
	return e
}

// setFisher makes c.fisher the Fisher matrix at u.
func (c *Curved) setFisher(u []float64) {
	c.theta(c.th, u)
	c.jacobian(c.j, u)
	for i := range c.m {
		for k := range c.col {
			c.col[k] = c.j.Data[k*c.j.Stride+i]
		}
		c.f.FisherMulVec(c.gj.Row(i), c.th, c.col)
	}
	for i := range c.m {
		for k := i; k < c.m; k++ {
			var s float64
			for l := range c.col {
				s += c.gj.Row(i)[l] * c.j.Data[l*c.j.Stride+k]
			}
			c.fisher.g.SetSym(i, k, s)
		}
	}
}

// FisherDense stores the Fisher matrix I(u) in dst, which is empty or of order Dim.
func (c *Curved) FisherDense(dst *mat.SymDense, u []float64) {
	sized(dst, c.m)
	c.setFisher(u)
	dst.CopySym(c.fisher.g)
}

// SolveMetric implements flow.Metric. Where I is singular the result is NaN and Caps.Err
// says why.
func (c *Curved) SolveMetric(dst, g, u []float64) {
	c.setFisher(u)
	if c.err = c.fisher.solve(dst, g, 0); c.err != nil {
		for i := range dst {
			dst[i] = math.NaN()
		}
	}
}

// Caps says how the metric can fail.
func (c *Curved) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Err: func() error { return c.err }}
}

// NaturalRate returns the rate 2 λ_min(I⁻¹ ∇²L) at which the natural gradient flow lowers
// the excess loss near a minimiser u. It is 2 if the target is in the family, where ∇²L = I,
// and in general not otherwise. The Hessian matrix is found from differences of the
// gradient. The error wraps ErrSingularFisher.
func (c *Curved) NaturalRate(u []float64) (float64, error) {
	m := c.m
	x, up, down := append([]float64(nil), u...), make([]float64, m), make([]float64, m)
	h := mat.NewDense(m, m, nil)
	for i := range m {
		// Fourth-order differences: step ε^(1/5).
		s := 1e-3 * math.Max(1, math.Abs(u[i]))
		for _, w := range []struct{ at, weight float64 }{{1, 8. / 12}, {2, -1. / 12}} {
			x[i] = u[i] + w.at*s
			c.EnergyGrad(up, x)
			x[i] = u[i] - w.at*s
			c.EnergyGrad(down, x)
			for k := range m {
				h.Set(i, k, h.At(i, k)+w.weight*(up[k]-down[k])/s)
			}
		}
		x[i] = u[i]
	}
	var chol mat.Cholesky
	c.setFisher(u)
	if !chol.Factorize(c.fisher.g) {
		return math.NaN(), singular(c.fisher.rank(0), m)
	}
	// L⁻¹ ∇²L L⁻ᵀ has the eigenvalues.
	var l mat.TriDense
	var a, b mat.Dense
	chol.LTo(&l)
	if err := a.Solve(&l, h); err != nil {
		return math.NaN(), fmt.Errorf("infogeo: %w: %w", err, ErrSingularFisher)
	}
	if err := b.Solve(&l, a.T()); err != nil {
		return math.NaN(), fmt.Errorf("infogeo: %w: %w", err, ErrSingularFisher)
	}
	sym := mat.NewSymDense(m, nil)
	for i := range m {
		for k := i; k < m; k++ {
			sym.SetSym(i, k, (b.At(i, k)+b.At(k, i))/2)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(sym, false) {
		return math.NaN(), fmt.Errorf("infogeo: eigenvalues of the Hessian matrix: %w", ErrNoConvergence)
	}
	return 2 * e.Values(nil)[0], nil
}
