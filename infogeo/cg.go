package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// CGOptions says how conjugate gradients iterate. The zero value means the defaults.
type CGOptions struct {
	// Tol is the residual, relative to the right-hand side, at which to stop. Default
	// 1e-10.
	Tol float64
	// MaxIter limits the iterations, one product each. Default 2 Dim + 20.
	MaxIter int
	// Jacobi preconditions with the diagonal of the damped matrix; the curvature has to
	// be a Diagonal.
	Jacobi bool
}

// CGResult is what a solution by conjugate gradients took.
type CGResult struct {
	Iterations int
	Residual   float64 // |v - (G + λD) x| by the recurrence, relative to |v|
	Converged  bool    // Residual <= Tol
}

// BreakdownError is a conjugate-gradient iteration that met a direction p in which the
// matrix is not positive. It wraps ErrBreakdown.
type BreakdownError struct {
	Iteration int
	Curvature float64 // pᵀ(G + λD)p, <= 0 or NaN
	Norm      float64 // |p|
}

// Error implements error.
func (e *BreakdownError) Error() string {
	return fmt.Sprintf("infogeo: iteration %d: pᵀGp = %.3g with |p| = %.3g, want > 0: %v", e.Iteration, e.Curvature, e.Norm, ErrBreakdown)
}

// Unwrap returns ErrBreakdown.
func (e *BreakdownError) Unwrap() error { return ErrBreakdown }

// CG solves with damped curvatures of which only products are known, by conjugate
// gradients (Hestenes and Stiefel 1952). It is scratch memory, to be used again: from the
// second call for a dimension on it allocates nothing. The zero value is ready.
type CG struct {
	r, z, p, ap, inv []float64
}

// Solve stores the solution x of (g + λD) x = v in dst, which does not overlap v. Reaching
// the limit of iterations is no error: see the result. A curvature <= 0 is one, a
// *BreakdownError, in particular that of a singular matrix in a direction of its null
// space; dst then holds the last iterate. Other errors wrap ErrInvalid or ErrShape. It
// panics if the lengths differ.
func (c *CG) Solve(dst []float64, g Curvature, v []float64, d Damping, o CGOptions) (CGResult, error) {
	n := g.Dim()
	checkLengths("CG.Solve", len(dst), len(v), n)
	if err := d.check(n); err != nil {
		return CGResult{}, err
	}
	if o.Tol == 0 {
		o.Tol = 1e-10
	}
	if o.MaxIter == 0 {
		o.MaxIter = 2*n + 20
	}
	if !(o.Tol > 0) || o.MaxIter < 0 {
		return CGResult{}, fmt.Errorf("infogeo: conjugate gradients with Tol = %v, MaxIter = %d, want numbers > 0: %w", o.Tol, o.MaxIter, ErrInvalid)
	}
	if err := checkFinite("right-hand side", v, ErrInvalid); err != nil {
		return CGResult{}, err
	}
	if err := c.prepare(g, d, o.Jacobi); err != nil {
		return CGResult{}, err
	}
	return c.iterate(dst, g, v, d, o)
}

// prepare makes room and computes the preconditioner.
func (c *CG) prepare(g Curvature, d Damping, jacobi bool) error {
	n := g.Dim()
	if len(c.r) != n {
		b := make([]float64, 5*n)
		c.r, c.z, c.p, c.ap, c.inv = b[:n:n], b[n:2*n:2*n], b[2*n:3*n:3*n], b[3*n:4*n:4*n], b[4*n:]
	}
	for i := range c.inv {
		c.inv[i] = 1
	}
	if !jacobi {
		return nil
	}
	diag, ok := g.(Diagonal)
	if !ok {
		return fmt.Errorf("infogeo: Jacobi preconditioner of a %T, want a Diagonal: %w", g, ErrInvalid)
	}
	diag.Diagonal(c.inv)
	for i, x := range c.inv {
		x += d.at(i)
		if !(x > 0) {
			return fmt.Errorf("infogeo: diagonal[%d] = %v, want it > 0 to precondition: %w", i, x, ErrInvalid)
		}
		c.inv[i] = 1 / x
	}
	return nil
}

// iterate is the recurrence from x = 0.
func (c *CG) iterate(x []float64, g Curvature, v []float64, d Damping, o CGOptions) (CGResult, error) {
	clear(x)
	copy(c.r, v)
	full := kernel.Nrm2(v)
	if full == 0 {
		return CGResult{Converged: true}, nil
	}
	kernel.MulTo(c.z, c.r, c.inv)
	copy(c.p, c.z)
	rz := kernel.Dot(c.r, c.z)
	res := CGResult{Residual: 1}
	for res.Iterations < o.MaxIter && !res.Converged {
		g.MulVec(c.ap, c.p)
		for i, p := range c.p {
			c.ap[i] += d.at(i) * p
		}
		curv := kernel.Dot(c.p, c.ap)
		// Below this a curvature is the rounding of the product.
		if !(curv > 0x1p-52*kernel.Nrm2(c.p)*kernel.Nrm2(c.ap)) || math.IsInf(curv, 1) {
			return res, &BreakdownError{res.Iterations, curv, kernel.Nrm2(c.p)}
		}
		a := rz / curv
		kernel.Axpy(a, c.p, x)
		kernel.Axpy(-a, c.ap, c.r)
		res.Iterations++
		res.Residual = kernel.Nrm2(c.r) / full
		res.Converged = res.Residual <= o.Tol
		kernel.MulTo(c.z, c.r, c.inv)
		next := kernel.Dot(c.r, c.z)
		kernel.Axpby(1, c.z, next/rz, c.p)
		rz = next
	}
	return res, nil
}
