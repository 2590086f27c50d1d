package deq

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// unrolling is the tape of steps z_{j+1} = (1-λ) z_j + λ σ(W z_j + U x + b).
type unrolling[T flow.Float] struct {
	lambda T
	steps  int
	z, d   []kernel.Matrix[T] // z_j and D_j, j < steps
	v      kernel.Matrix[T]
}

// Unroll makes a number of steps z ← (1-λ) z + λ σ(Wz + Ux + b), 0 < λ <= 1, from
// the points in eq.Z, whether they are fixed points or not, and keeps what
// BackwardUnrolled needs: the unrolled phantom gradient of Geng et al. (arXiv
// 2111.05177). Solve comes first, with the budget that one likes. Errors wrap
// ErrArgument.
func (l *Dense[T]) Unroll(eq *Equilibrium[T], steps int, lambda float64) error {
	if steps < 1 || !(lambda > 0 && lambda <= 1) {
		return fmt.Errorf("deq: Unroll of %d steps with λ = %v, want steps > 0 and 0 < λ <= 1: %w", steps, lambda, ErrArgument)
	}
	u := &eq.unrolled
	u.lambda, u.steps = T(lambda), steps
	for len(u.z) < steps {
		u.z, u.d = append(u.z, kernel.Matrix[T]{}), append(u.d, kernel.Matrix[T]{})
	}
	for j := range steps {
		eq.linearized = false
		l.Linearize(eq) // leaves σ(H) in eq.tmp
		z, d := &u.z[j], &u.d[j]
		matrix(z, eq.Z.Rows, eq.Z.Cols)
		matrix(d, eq.Z.Rows, eq.Z.Cols)
		copy(z.Data, eq.Z.Data)
		copy(d.Data, eq.D.Data)
		kernel.Axpby(u.lambda, eq.tmp.Data, 1-u.lambda, eq.Z.Data)
	}
	eq.linearized = false
	return nil
}

// BackwardUnrolled stores in g the gradient of a loss with derivative dLdZ in the
// points that the last Unroll reached, through its steps and no further:
// backpropagation with as many layers. At a fixed point it is Neumann's series with
// as many terms, or the damped one. Errors wrap ErrNotFinite or ErrArgument; shapes
// that do not fit panic.
func (l *Dense[T]) BackwardUnrolled(g *DenseGrad[T], eq *Equilibrium[T], dLdZ kernel.Matrix[T]) error {
	l.shape()
	if dLdZ.Rows != eq.Z.Rows || dLdZ.Cols != l.W.Rows {
		panic(fmt.Sprintf("deq: dLdZ is %d x %d, want the shape of eq.Z (%d x %d)", dLdZ.Rows, dLdZ.Cols, eq.Z.Rows, eq.Z.Cols))
	}
	u := &eq.unrolled
	if u.steps == 0 || u.z[0].Rows != eq.Z.Rows || u.z[0].Cols != eq.Z.Cols {
		return fmt.Errorf("deq: BackwardUnrolled without Unroll of this batch: %w", ErrArgument)
	}
	if err := checkMatrix(dLdZ, "dLdZ"); err != nil {
		return err
	}
	matrix(&u.v, dLdZ.Rows, dLdZ.Cols)
	for i := range dLdZ.Rows {
		copy(u.v.Row(i), dLdZ.Row(i))
	}
	matrix(&eq.s, dLdZ.Rows, dLdZ.Cols)
	z := eq.Z
	var beta T
	for j := u.steps - 1; j >= 0; j-- {
		kernel.MulTo(eq.s.Data, u.d[j].Data, u.v.Data)
		kernel.Scal(u.lambda, eq.s.Data)
		eq.Z = u.z[j]
		l.gather(g, eq, beta)
		beta = 1
		kernel.Gemm(u.v, 1, eq.s, l.W, 1-u.lambda)
	}
	eq.Z = z
	return nil
}
