package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// stepBlock is the number of states between two looks at memory: everything that a
// step does to them happens in the first cache.
const stepBlock = 1024

// ThetaStep makes a step of gradient descent of KL(q‖p) in natural coordinates,
//
//	dst = θ - α (η - η_q),  p = softmax(θ, 0),
//
// with the reference state last, and returns the loss at θ, summed as KL does. p
// receives the distribution at θ. dst may be θ. It reads memory three times: for the
// maximum, for the exponentials, and for all the rest. It panics unless
// len(p) = len(q) = len(θ)+1 = len(dst)+1.
func ThetaStep[T flow.Float](dst, theta, q, p []T, alpha float64) (loss float64) {
	n := len(theta)
	checkLens(n, len(dst))
	checkLens(n+1, len(q), len(p))
	z := max(0, kernel.Max(theta))
	r := T(math.Exp(-float64(z)))
	s := kernel.ExpSum(p[:n], theta, z) + float64(r)
	p[n] = T(float64(r) / s)
	loss = kernel.RelativeEntropy(q[n:], p[n:])
	return loss + descendBlocks(dst, theta, q[:n], p[:n], T(1/s), T(alpha))
}

// LogitStep makes a step of gradient descent of KL(q‖p) in the logits,
// dst = z - α (p - q) with p = softmax(z), and returns the loss at z. p receives the
// distribution at z. dst may be z. It panics if the lengths differ.
func LogitStep[T flow.Float](dst, z, q, p []T, alpha float64) (loss float64) {
	checkLens(len(z), len(dst), len(q), len(p))
	s := kernel.ExpSum(p, z, kernel.Max(z))
	return descendBlocks(dst, z, q, p, T(1/s), T(alpha))
}

// descendBlocks normalises p, moves x and sums the loss.
func descendBlocks[T flow.Float](dst, x, q, p []T, inv, alpha T) (loss float64) {
	for i := 0; i < len(p); i += stepBlock {
		j := min(i+stepBlock, len(p))
		b, c, d := p[i:j], q[i:j], dst[i:j]
		kernel.Scal(inv, b)
		loss += kernel.RelativeEntropy(c, b)
		kernel.AxpyTo(d, -alpha, b, x[i:j])
		kernel.Axpy(alpha, c, d)
	}
	return loss
}

// checkBatch panics unless the matrices have one shape.
func checkBatch[T flow.Float](m kernel.Matrix[T], others ...kernel.Matrix[T]) {
	for _, o := range others {
		if o.Rows != m.Rows || o.Cols != m.Cols {
			panic(fmt.Sprintf("infogeo: matrix of %d x %d, want %d x %d", o.Rows, o.Cols, m.Rows, m.Cols))
		}
	}
}

// LogitStepRows is LogitStep for each row of z, in place: B problems of K states
// each. loss receives the B losses. It panics unless z, q and p have the same shape
// and loss has as many elements as they have rows.
func LogitStepRows[T flow.Float](loss []float64, z, q, p kernel.Matrix[T], alpha float64) {
	checkBatch(z, q, p)
	checkLens(z.Rows, len(loss))
	for i := range loss {
		loss[i] = LogitStep(z.Row(i), z.Row(i), q.Row(i), p.Row(i), alpha)
	}
}

// SoftmaxRows stores softmax(z_i) in row i of p for each row z_i of z, and its
// log-partition function in lse_i. p may be z. It panics if the shapes do not fit.
func SoftmaxRows[T flow.Float](lse []float64, p, z kernel.Matrix[T]) {
	checkBatch(z, p)
	checkLens(z.Rows, len(lse))
	for i := range lse {
		lse[i] = SoftmaxLogits(p.Row(i), z.Row(i))
	}
}

// KLRows stores KL(p_i‖q_i) in dst_i for each pair of rows. It panics if the shapes
// do not fit.
func KLRows[T flow.Float](dst []float64, p, q kernel.Matrix[T]) {
	checkBatch(p, q)
	checkLens(p.Rows, len(dst))
	for i := range dst {
		dst[i] = KL(p.Row(i), q.Row(i))
	}
}

// FisherMulRows is FisherMul for each row. dst may be v. It panics if the shapes
// differ.
func FisherMulRows[T flow.Float](dst, eta, v kernel.Matrix[T]) {
	checkBatch(v, dst, eta)
	for i := range v.Rows {
		FisherMul(dst.Row(i), eta.Row(i), v.Row(i))
	}
}

// FisherSolveRows is FisherSolveDamped for each row, pr_i being the probability of
// the reference state of row i. dst may be v. It panics if the shapes do not fit.
func FisherSolveRows[T flow.Float](dst, eta kernel.Matrix[T], pr []T, v kernel.Matrix[T], damping float64) {
	checkBatch(v, dst, eta)
	checkLens(v.Rows, len(pr))
	for i := range v.Rows {
		FisherSolveDamped(dst.Row(i), eta.Row(i), pr[i], v.Row(i), damping)
	}
}
