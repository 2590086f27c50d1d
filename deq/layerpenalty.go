package deq

import (
	"context"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// JacobianPenalty returns the mean square of the Frobenius norm of the layer's
// Jacobians at the fixed points of the last Solve,
//
//	(1/(Nn)) Σ_i |D_i W|_F² = (1/(Nn)) Σ_i Σ_k D_ik² |W_k|²,
//
// exactly in O(Nn) operations where arXiv 2106.14342 samples it, and adds weight
// times its gradient to g, unless g is nil. The gradient has a direct part in W and
// one through the preactivations, which moves the fixed point: that needs an
// adjoint solve, which the Penalty of BackwardOptions shares with that of the loss.
// Errors are those of Backward.
func (l *Dense[T]) JacobianPenalty(ctx context.Context, g *DenseGrad[T], eq *Equilibrium[T], weight float64, bw Backward, o *BackwardOptions[T]) (float64, error) {
	l.shape()
	l.Linearize(eq)
	value := l.penalty(eq)
	if g == nil || weight == 0 {
		return value, nil
	}
	var q BackwardOptions[T]
	if o != nil {
		q = *o
	}
	q.Penalty = weight
	matrix(&eq.none, eq.Z.Rows, eq.Z.Cols)
	clear(eq.none.Data)
	if _, err := l.solveAdjoint(ctx, eq, eq.none, bw, &q); err != nil {
		return value, err
	}
	var beta T = 1
	if g.W.Data == nil {
		beta = 0
	}
	l.gather(g, eq, beta)
	l.direct(g, eq, weight)
	return value, nil
}

// penalty is the value, and stores |W_k|² in rowNorm.
func (l *Dense[T]) penalty(eq *Equilibrium[T]) float64 {
	n := l.W.Rows
	eq.rowNorm = room(eq.rowNorm, n)
	for k := range n {
		eq.rowNorm[k] = kernel.SumSq(l.W.Row(k))
	}
	sum := 0.0
	for i := range eq.D.Rows {
		for k, d := range eq.D.Row(i) {
			sum += float64(d) * float64(d) * eq.rowNorm[k]
		}
	}
	return sum / penaltyScale(eq.D)
}

func penaltyScale[T flow.Float](d kernel.Matrix[T]) float64 { return float64(max(1, d.Rows*d.Cols)) }

// bend stores the derivative of the weighted penalty in the preactivations,
// 2 D∘σ”(H) |W_k|² / (Nn), in eq.curve.
func (l *Dense[T]) bend(eq *Equilibrium[T], weight float64) {
	l.penalty(eq)
	matrix(&eq.curve, eq.D.Rows, eq.D.Cols)
	curvature(&l.Act, eq.curve.Data, eq.H.Data)
	kernel.MulTo(eq.curve.Data, eq.curve.Data, eq.D.Data)
	f := 2 * weight / penaltyScale(eq.D)
	for i := range eq.curve.Rows {
		row := eq.curve.Row(i)
		for k := range row {
			row[k] *= T(f * eq.rowNorm[k])
		}
	}
}

// direct adds the direct part, dW_k += 2 mean_i(D_ik²) W_k / n.
func (l *Dense[T]) direct(g *DenseGrad[T], eq *Equilibrium[T], weight float64) {
	n := l.W.Rows
	for k := range n {
		sum := 0.0
		for i := range eq.D.Rows {
			d := float64(eq.D.At(i, k))
			sum += d * d
		}
		kernel.Axpy(T(2*weight*sum/penaltyScale(eq.D)), l.W.Row(k), g.W.Row(k))
	}
}
