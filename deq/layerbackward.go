package deq

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// DenseGrad is a gradient, or a direction, in the parameters of a Dense. The
// backward passes make the matrices as needed.
type DenseGrad[T flow.Float] struct {
	W, U kernel.Matrix[T]
	B    []T
	// X is the gradient in the inputs, N x d, computed if WantX is set.
	X     kernel.Matrix[T]
	WantX bool
	// Error bounds how far the gradient is from that at the fixed points. Backward
	// with BackwardOptions.Unconverged sets it.
	Error GradientError
}

// BackwardOptions says how the adjoint equation is to be solved. The zero value is
// Auto at the default tolerance, and only after a forward solve that converged.
type BackwardOptions[T flow.Float] struct {
	SolveOptions[T]
	// Unconverged allows a backward pass at points that are no fixed points to
	// within their tolerance: the gradient is then that of the linearisation
	// there, and DenseGrad.Error bounds its error.
	Unconverged bool
	// Penalty is the weight of the Jacobian penalty (see JacobianPenalty), whose
	// gradient is added by the same solve.
	Penalty float64
}

// Backward stores in g the gradient of a loss with derivative dLdZ (N x n) in the
// fixed points of the last Solve, sums over the batch. With D = diag σ'(Wz+Ux+b)
// and J = D W it needs V = (I - Jᵀ)⁻¹ dL/dz for each sample, or the rule's
// approximation; in S = D V the equation reads
//
//	S = D∘(dL/dZ + S W),
//
// and dW = SᵀZ, dU = SᵀX, db = Σ s_i, dX = S U.
//
// A solve that does not converge is an error that wraps ErrBackward, and leaves g
// alone. A forward solve that did not converge is one that wraps ErrNotConverged,
// unless the options allow it. Other errors are as for Solve; shapes that do not
// fit panic. The result of the approximate rules has no evaluations but their own.
func (l *Dense[T]) Backward(ctx context.Context, g *DenseGrad[T], eq *Equilibrium[T], dLdZ kernel.Matrix[T], bw Backward, o *BackwardOptions[T]) (*SolveStats, error) {
	st, err := l.solveAdjoint(ctx, eq, dLdZ, bw, o)
	if err != nil {
		return st, err
	}
	l.gather(g, eq, 0)
	if o != nil && o.Unconverged {
		g.Error = unproved()
		if bw.Rule == Exact && o.Penalty == 0 {
			g.Error = l.gradientError(eq, dLdZ, st)
		}
	}
	if o != nil && o.Penalty != 0 {
		l.direct(g, eq, o.Penalty)
	}
	return st, nil
}

// solveAdjoint stores S in eq.s.
func (l *Dense[T]) solveAdjoint(ctx context.Context, eq *Equilibrium[T], dLdZ kernel.Matrix[T], bw Backward, o *BackwardOptions[T]) (*SolveStats, error) {
	l.shape()
	if dLdZ.Rows != eq.Z.Rows || dLdZ.Cols != l.W.Rows {
		panic(fmt.Sprintf("deq: dLdZ is %d x %d, want the shape of eq.Z (%d x %d)", dLdZ.Rows, dLdZ.Cols, eq.Z.Rows, eq.Z.Cols))
	}
	if err := bw.check(); err != nil {
		return nil, err
	}
	if err := checkMatrix(dLdZ, "dLdZ"); err != nil {
		return nil, err
	}
	if eq.stats.Status != flow.Converged && (o == nil || !o.Unconverged) {
		return nil, fmt.Errorf("deq: backward after a forward solve that ended as %v with relative residual %.3g, want Unconverged to be set: %w", eq.stats.Status, eq.stats.Relative, ErrNotConverged)
	}
	l.Linearize(eq)
	matrix(&eq.rhs, dLdZ.Rows, dLdZ.Cols)
	for i := range dLdZ.Rows {
		copy(eq.rhs.Row(i), dLdZ.Row(i))
	}
	penalty := 0.0
	if o != nil && o.Penalty != 0 {
		penalty = o.Penalty
		l.bend(eq, penalty)
		kernel.Gemm(eq.rhs, 1, eq.curve, l.W, 1)
	}
	warm := o != nil && o.Warm && eq.s.Rows == eq.rhs.Rows && eq.s.Cols == eq.rhs.Cols && kernel.AllFinite(eq.s.Data)
	matrix(&eq.s, eq.rhs.Rows, eq.rhs.Cols)
	eq.adjoint = linearMap[T]{e: eq.rhs, d: eq.D, w: &eq.forward.w}
	if bw.Rule != Exact {
		st := l.series(eq, bw)
		if penalty != 0 {
			kernel.AddTo(eq.s.Data, eq.s.Data, eq.curve.Data)
		}
		return st, nil
	}
	if !warm {
		kernel.MulTo(eq.s.Data, eq.D.Data, eq.rhs.Data)
	}
	var so *SolveOptions[T]
	if o != nil {
		so = &o.SolveOptions
	}
	eq.back.hint = eq.bound
	var f Map[T] = &eq.adjoint
	if eq.monotone != nil {
		eq.splitBack = monotoneAdjoint[T]{linearMap: &eq.adjoint, parent: eq.monotone}
		f = &eq.splitBack
	}
	st, err := eq.back.solve(ctx, eq.s, f, so)
	if err != nil {
		return st, err
	}
	if st.Status != flow.Converged {
		return st, fmt.Errorf("deq: adjoint solve by %s ended as %v with relative residual %.3g after %d evaluations: %w", st.Solver, st.Status, st.Relative, st.Evals, ErrBackward)
	}
	if eq.bound < 1 {
		st.CertifiedError = contractionError(eq.bound, st.Residual, false)
	}
	if penalty != 0 {
		kernel.AddTo(eq.s.Data, eq.s.Data, eq.curve.Data)
	}
	return st, nil
}

// series stores D times the rule's sum in eq.s. The sum λ Σ_{j<T} Qʲ G with
// Q = (1-λ)I + λJᵀ is made by A ← λG + Q A, in S = D A.
func (l *Dense[T]) series(eq *Equilibrium[T], bw Backward) *SolveStats {
	terms, lambda := bw.terms()
	s, t := eq.s, &eq.tmp
	matrix(t, s.Rows, s.Cols)
	kernel.MulTo(s.Data, eq.D.Data, eq.rhs.Data)
	kernel.Scal(T(lambda), s.Data)
	for range terms - 1 {
		copy(t.Data, eq.rhs.Data)
		kernel.Gemm(*t, 1, s, l.W, 1)
		kernel.MulTo(t.Data, t.Data, eq.D.Data)
		kernel.Axpby(T(lambda), t.Data, T(1-lambda), s.Data)
	}
	st := &eq.back.stats
	*st = SolveStats{Status: flow.Converged, Solver: "series", Evals: terms - 1, SampleEvals: (terms - 1) * s.Rows, Samples: st.Samples[:0]}
	st.CertifiedError = math.Inf(1)
	return st
}

// gather stores the gradients that eq.s means in g, added to β times what is there.
func (l *Dense[T]) gather(g *DenseGrad[T], eq *Equilibrium[T], beta T) {
	n, d, batch := l.W.Rows, l.U.Cols, eq.Z.Rows
	if beta == 0 {
		g.shape(n, d, batch)
	}
	eq.ones = room(eq.ones, batch)
	for i := range eq.ones {
		eq.ones[i] = 1
	}
	kernel.GemmTN(g.W, 1, eq.s, eq.Z, beta)
	kernel.GemmTN(g.U, 1, eq.s, eq.X, beta)
	kernel.GemvT(g.B, 1, eq.s, eq.ones, beta)
	if g.WantX {
		kernel.Gemm(g.X, 1, eq.s, l.U, beta)
	}
}

// shape makes the gradient fit.
func (g *DenseGrad[T]) shape(n, d, batch int) {
	keepShape(&g.W, n, n)
	keepShape(&g.U, n, d)
	if len(g.B) != n {
		g.B = room(g.B, n)
	}
	if g.WantX {
		matrix(&g.X, batch, d)
	}
}

// keepShape leaves a matrix of the right shape alone: it may be a view of the
// caller's.
func keepShape[T flow.Float](m *kernel.Matrix[T], rows, cols int) {
	if m.Rows != rows || m.Cols != cols {
		matrix(m, rows, cols)
	}
}

// JVP stores in dst (N x n) the derivative of the fixed points of the last Solve
// along a direction dir in the parameters (nil for none) and dx in the inputs (the
// zero Matrix for none): the solution of (I - J) dz = D (dW z + dU x + db + U dx).
// Errors are those of Backward.
func (l *Dense[T]) JVP(ctx context.Context, dst kernel.Matrix[T], eq *Equilibrium[T], dir *DenseGrad[T], dx kernel.Matrix[T], o *BackwardOptions[T]) (*SolveStats, error) {
	l.shape()
	n, batch := l.W.Rows, eq.Z.Rows
	if dst.Rows != batch || dst.Cols != n {
		panic(fmt.Sprintf("deq: dst is %d x %d, want the shape of eq.Z (%d x %d)", dst.Rows, dst.Cols, batch, n))
	}
	if eq.stats.Status != flow.Converged && (o == nil || !o.Unconverged) {
		return nil, fmt.Errorf("deq: derivative after a forward solve that ended as %v, want Unconverged to be set: %w", eq.stats.Status, ErrNotConverged)
	}
	l.Linearize(eq)
	matrix(&eq.rhs, batch, n)
	clear(eq.rhs.Data)
	if dir != nil {
		kernel.AddBias(eq.rhs, dir.B)
		kernel.GemmNT(eq.rhs, 1, eq.Z, dir.W, 1)
		kernel.GemmNT(eq.rhs, 1, eq.X, dir.U, 1)
	}
	if dx.Data != nil {
		kernel.GemmNT(eq.rhs, 1, dx, l.U, 1)
	}
	eq.adjoint = linearMap[T]{e: eq.rhs, d: eq.D, w: &eq.forward.w, tangent: true}
	for i := range batch {
		kernel.MulTo(dst.Row(i), eq.D.Row(i), eq.rhs.Row(i))
	}
	var so *SolveOptions[T]
	if o != nil {
		so = &o.SolveOptions
	}
	eq.back.hint = eq.bound
	st, err := eq.back.solve(ctx, dst, &eq.adjoint, so)
	if err == nil && st.Status != flow.Converged {
		err = fmt.Errorf("deq: tangent solve ended as %v with relative residual %.3g: %w", st.Status, st.Relative, ErrBackward)
	}
	return st, err
}
