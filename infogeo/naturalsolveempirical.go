package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// EmpiricalFisher is the empirical Fisher matrix F = (1/N) Σ g_i g_iᵀ of the gradients
// g_i of the log-likelihood of N samples, of rank at most N. It is not the Fisher matrix:
// see Curvature.
type EmpiricalFisher struct {
	g    kernel.Matrix[float64] // N x d
	gram *cholesky              // of order min(N, d)
	a    kernel.Matrix[float64] // scaled copy of g
	s, u []float64
}

// NewEmpiricalFisher returns the matrix of the gradients, a row a sample. It keeps a view
// of them. The error wraps ErrShape if there are none.
func NewEmpiricalFisher(gradients kernel.Matrix[float64]) (*EmpiricalFisher, error) {
	n, d := gradients.Rows, gradients.Cols
	if n == 0 || d == 0 {
		return nil, fmt.Errorf("infogeo: gradients %d x %d, want at least 1 x 1: %w", n, d, ErrShape)
	}
	return &EmpiricalFisher{g: gradients, u: make([]float64, n)}, nil
}

// Dim returns the number of parameters.
func (e *EmpiricalFisher) Dim() int { return e.g.Cols }

// MulVec stores F v in dst, in O(N d) operations.
func (e *EmpiricalFisher) MulVec(dst, v []float64) {
	kernel.Gemv(e.u, 1, e.g, v, 0)
	kernel.GemvT(dst, 1/float64(e.g.Rows), e.g, e.u, 0)
}

// Diagonal stores the diagonal of F in dst.
func (e *EmpiricalFisher) Diagonal(dst []float64) {
	checkLengths("EmpiricalFisher.Diagonal", len(dst), e.g.Cols, e.g.Cols)
	clear(dst)
	for i := range e.g.Rows {
		for j, x := range e.g.Row(i) {
			dst[j] += x * x / float64(e.g.Rows)
		}
	}
}

// Solve stores (F + λD)⁻¹ v in dst, which may be v. With fewer samples than parameters it
// takes the identity of Woodbury, with B = D^-1/2 gᵀ/√N and w = D^-1/2 v,
//
//	D^1/2 x = (w - B(λI + BᵀB)⁻¹Bᵀw)/λ,
//
// in O(N²d + N³) operations and O(Nd) memory instead of O(Nd² + d³) and O(d²). The error
// wraps ErrSingularFisher, with the rank, if the matrix is singular to working precision,
// as it always is for N < d and λ = 0; ErrInvalid or ErrShape for the damping. It panics if
// the lengths differ.
func (e *EmpiricalFisher) Solve(dst, v []float64, d Damping) error {
	n, m := e.g.Rows, e.g.Cols
	checkLengths("EmpiricalFisher.Solve", len(dst), len(v), m)
	if err := d.check(m); err != nil {
		return err
	}
	e.scaled(d)
	for i, s := range e.s {
		dst[i] = v[i] * s
	}
	if n >= m || d.Lambda == 0 {
		if err := e.primal(dst, d.Lambda); err != nil {
			return err
		}
	} else {
		kernel.Gemv(e.u, 1, e.a, dst, 0)
		e.gramOf(func(c kernel.Matrix[float64]) { kernel.Syrk(c, 1, e.a, 0) }, n)
		if err := e.gram.solve(e.u, e.u, d.Lambda); err != nil {
			return err
		}
		kernel.GemvT(dst, -1/d.Lambda, e.a, e.u, 1/d.Lambda)
	}
	kernel.MulTo(dst, dst, e.s)
	return nil
}

// scaled computes D^-1/2 and a = g D^-1/2/√N.
func (e *EmpiricalFisher) scaled(d Damping) {
	n, m := e.g.Rows, e.g.Cols
	if e.s == nil {
		e.s, e.a = make([]float64, m), kernel.NewMatrix[float64](n, m)
	}
	for i := range e.s {
		e.s[i] = 1
		if d.Scale != nil {
			e.s[i] = invSqrt(d.Scale[i])
		}
	}
	for i := range n {
		row := e.a.Row(i)
		kernel.MulTo(row, e.g.Row(i), e.s)
		kernel.Scal(invSqrt(float64(n)), row)
	}
}

// primal solves with the matrix of order d.
func (e *EmpiricalFisher) primal(dst []float64, lambda float64) error {
	e.gramOf(func(c kernel.Matrix[float64]) { kernel.SyrkT(c, 1, e.a, 0) }, e.g.Cols)
	return e.gram.solve(dst, dst, lambda)
}

// gramOf fills the matrix to factor.
func (e *EmpiricalFisher) gramOf(fill func(kernel.Matrix[float64]), n int) {
	if e.gram == nil || e.gram.g.SymmetricDim() != n {
		e.gram = newCholesky(n)
	}
	fill(kernel.MatrixOf(n, n, e.gram.g.RawSymmetric().Data))
}

// invSqrt returns 1/√x.
func invSqrt(x float64) float64 { return 1 / math.Sqrt(x) }
