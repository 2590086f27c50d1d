package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Curvature is a symmetric positive semidefinite matrix known by its products. Three
// different matrices go by the name of Fisher in the literature; here they are apart:
//
//	the Fisher matrix            E over x and over y of the model, of ∇log p ∇log pᵀ
//	the empirical Fisher matrix  the same with the y of the data (EmpiricalFisher)
//	the Gauss-Newton matrix      (1/N) Σ J_iᵀ H_i J_i of a loss of outputs (GaussNewton)
//
// The Gauss-Newton matrix with H_i the Hessian of -log p in the outputs is the Fisher
// matrix if the outputs are natural parameters (Martens, JMLR 21 (2020) 1). The
// empirical Fisher matrix is another one, also at the optimum unless the model is exact
// (Kunstner, Hennig and Balles, NeurIPS 2019).
type Curvature interface {
	Dim() int
	// MulVec stores the product with v in dst, which does not overlap v.
	MulVec(dst, v []float64)
}

// Diagonal is a Curvature that knows its diagonal.
type Diagonal interface {
	Curvature
	Diagonal(dst []float64)
}

// Damping is the matrix λD that is added to a curvature before it is inverted.
type Damping struct {
	Lambda float64
	// Scale is D, a diagonal of numbers > 0: the diagonal of the curvature gives the
	// damping of Marquardt, which does not depend on the units of the parameters. nil
	// means the unit matrix.
	Scale []float64
}

// check returns an error unless the damping fits n parameters.
func (d Damping) check(n int) error {
	if err := checkDamping(d.Lambda); err != nil {
		return err
	}
	if d.Scale == nil {
		return nil
	}
	if len(d.Scale) != n {
		return fmt.Errorf("infogeo: damping scale of length %d, want %d: %w", len(d.Scale), n, ErrShape)
	}
	for i, s := range d.Scale {
		if !(s > 0) || math.IsInf(s, 1) {
			return fmt.Errorf("infogeo: damping scale[%d] = %v, want a finite number > 0: %w", i, s, ErrInvalid)
		}
	}
	return nil
}

// at returns λD_ii.
func (d Damping) at(i int) float64 {
	if d.Scale == nil {
		return d.Lambda
	}
	return d.Lambda * d.Scale[i]
}

// SolveDense stores (g + λD)⁻¹ v in dst, by Cholesky's factorisation. The error wraps
// ErrInvalid or ErrShape for the damping, ErrSingularFisher, with the rank, if the matrix
// is singular to working precision. dst may be v. It panics if the lengths differ.
func SolveDense(dst []float64, g mat.Symmetric, v []float64, d Damping) error {
	n := g.SymmetricDim()
	checkLengths("SolveDense", len(dst), len(v), n)
	if err := d.check(n); err != nil {
		return err
	}
	c := newCholesky(n)
	for i := range n {
		for j := range i + 1 {
			c.g.SetSym(i, j, g.At(i, j))
		}
		c.g.SetSym(i, i, g.At(i, i)+d.at(i))
	}
	return c.solve(dst, v, 0)
}

// FamilyFisher is the Fisher matrix of a family at θ, as a Curvature.
type FamilyFisher struct {
	Family Family
	Theta  []float64
}

// Dim returns the number of parameters.
func (f FamilyFisher) Dim() int { return f.Family.Dim() }

// MulVec stores G(θ) v in dst.
func (f FamilyFisher) MulVec(dst, v []float64) { f.Family.FisherMulVec(dst, f.Theta, v) }

// fisherMetric is the Fisher metric of a family.
type fisherMetric struct {
	f       Family
	damping float64
	err     error
}

// FisherMetric returns the Fisher metric of a family, in θ and with damping·I added, as
// flow.NaturalFlow takes it. Where the matrix cannot be inverted the solution is NaN and
// Caps.Err says why. The error wraps ErrInvalid for a negative damping.
func FisherMetric(f Family, damping float64) (flow.Metric[float64], error) {
	if err := checkDamping(damping); err != nil {
		return nil, err
	}
	return &fisherMetric{f: f, damping: damping}, nil
}

func (m *fisherMetric) SolveMetric(dst, g, x []float64) {
	if m.err = m.f.FisherSolveVec(dst, x, g, m.damping); m.err != nil {
		fillNaN(dst)
	}
}

func (m *fisherMetric) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Err: func() error { return m.err }}
}

// BlockDiagonal is a block-diagonal approximation of a curvature: of a model with groups
// of parameters, the blocks within the groups.
type BlockDiagonal struct {
	blocks []*cholesky
	n      int
}

// NewBlockDiagonal returns the matrix with the given blocks, which it copies. The error
// wraps ErrShape if there is none or one is empty.
func NewBlockDiagonal(blocks ...mat.Symmetric) (*BlockDiagonal, error) {
	b := &BlockDiagonal{}
	for k, m := range blocks {
		n := m.SymmetricDim()
		if n == 0 {
			return nil, fmt.Errorf("infogeo: block %d is empty: %w", k, ErrShape)
		}
		c := newCholesky(n)
		c.g.CopySym(m)
		b.blocks = append(b.blocks, c)
		b.n += n
	}
	if b.n == 0 {
		return nil, fmt.Errorf("infogeo: no blocks: %w", ErrShape)
	}
	return b, nil
}

// Dim returns the sum of the orders of the blocks.
func (b *BlockDiagonal) Dim() int { return b.n }

// MulVec stores the product with v in dst.
func (b *BlockDiagonal) MulVec(dst, v []float64) {
	checkLengths("BlockDiagonal.MulVec", len(dst), len(v), b.n)
	at := 0
	for _, c := range b.blocks {
		n := c.g.SymmetricDim()
		mat.NewVecDense(n, dst[at:at+n]).MulVec(c.g, mat.NewVecDense(n, v[at:at+n]))
		at += n
	}
}

// Solve stores the solution of (G + λI) x = v in dst, which may be v. The error wraps
// ErrSingularFisher and names the block and its rank. It panics if the lengths differ.
func (b *BlockDiagonal) Solve(dst, v []float64, lambda float64) error {
	checkLengths("BlockDiagonal.Solve", len(dst), len(v), b.n)
	at := 0
	for k, c := range b.blocks {
		n := c.g.SymmetricDim()
		if err := c.solve(dst[at:at+n], v[at:at+n], lambda); err != nil {
			return fmt.Errorf("infogeo: block %d: %w", k, err)
		}
		at += n
	}
	return nil
}

// GaussNewton is the Gauss-Newton matrix (1/N) Σ J_iᵀ H_i J_i of N samples with C outputs
// each and d parameters.
type GaussNewton struct {
	jac, hess kernel.Matrix[float64]
	out, c    int
	u, w      []float64
}

// NewGaussNewton returns the matrix for the Jacobians of the outputs, N C x d, and the
// Hessians of the loss in the outputs, N C x C, both stacked by samples. It keeps views of
// both. The error wraps ErrShape.
func NewGaussNewton(jac, hess kernel.Matrix[float64]) (*GaussNewton, error) {
	c := hess.Cols
	if c == 0 || jac.Rows == 0 || jac.Cols == 0 || jac.Rows != hess.Rows || jac.Rows%c != 0 {
		return nil, fmt.Errorf("infogeo: Jacobians %d x %d with Hessians %d x %d, want N C x d and N C x C: %w", jac.Rows, jac.Cols, hess.Rows, hess.Cols, ErrShape)
	}
	return &GaussNewton{jac, hess, jac.Rows, c, make([]float64, jac.Rows), make([]float64, jac.Rows)}, nil
}

// Dim returns d.
func (g *GaussNewton) Dim() int { return g.jac.Cols }

// MulVec stores the product with v in dst, in O(N C (d + C)) operations.
func (g *GaussNewton) MulVec(dst, v []float64) {
	kernel.Gemv(g.u, 1, g.jac, v, 0)
	for i := 0; i < g.out; i += g.c {
		for k := range g.c {
			g.w[i+k] = kernel.Dot(g.hess.Row(i+k), g.u[i:i+g.c])
		}
	}
	kernel.GemvT(dst, float64(g.c)/float64(g.out), g.jac, g.w, 0)
}
