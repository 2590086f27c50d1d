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
// receives the distribution at θ, unless it is nil. dst may be θ. Memory is read twice:
// for Σ e^θ_i, and for all the rest. It panics unless len(q) = len(θ)+1 = len(dst)+1, and
// len(p) = len(q) where p is not nil.
func ThetaStep[T flow.Float](dst, theta, q, p []T, alpha float64) (loss float64) {
	n := len(theta)
	checkLens(n, len(dst), len(q)-1)
	var buf [stepBlock]T
	if p != nil {
		checkLens(n+1, len(p))
	}
	z, s := expTotal(buf[:], theta, 0)
	r := math.Exp(-float64(z))
	inv := 1 / (s + r)
	last := [1]T{T(r * inv)}
	if p != nil {
		p[n] = last[0]
		p = p[:n]
	}
	loss = kernel.RelativeEntropy(q[n:], last[:])
	return loss + descendBlocks(dst, theta, q[:n], p, buf[:], z, T(inv), T(alpha))
}

// LogitStep makes a step of gradient descent of KL(q‖p) in the logits,
// dst = z - α (p - q) with p = softmax(z), and returns the loss at z. p receives the
// distribution at z, unless it is nil. dst may be z. It panics if the lengths differ.
func LogitStep[T flow.Float](dst, z, q, p []T, alpha float64) (loss float64) {
	checkLens(len(z), len(dst), len(q))
	if p != nil {
		checkLens(len(z), len(p))
	}
	var buf [stepBlock]T
	top, s := expTotal(buf[:], z, T(math.Inf(-1)))
	return descendBlocks(dst, z, q, p, buf[:], top, T(1/s), T(alpha))
}

// expTotal returns the greatest of x and floor, and Σ e^(x_i-z) with that z, in one pass.
// If x fits into buf, that holds the terms afterwards.
func expTotal[T flow.Float](buf, x []T, floor T) (z T, s float64) {
	z = floor
	for i := 0; i < len(x); i += stepBlock {
		b := x[i:min(i+stepBlock, len(x))]
		if top := kernel.Max(b); top > z || top != top {
			s *= math.Exp(float64(z - top))
			z = top
		}
		s += kernel.ExpSum(buf[:len(b)], b, z)
	}
	return z, s
}

// descendBlocks computes p = inv e^(x-z), moves x and sums the loss. buf holds the
// exponentials if x fits into it.
func descendBlocks[T flow.Float](dst, x, q, p, buf []T, z, inv, alpha T) (loss float64) {
	for i := 0; i < len(x); i += stepBlock {
		j := min(i+stepBlock, len(x))
		b, c, d := buf[:j-i], q[i:j], dst[i:j]
		if len(x) > stepBlock {
			kernel.ExpSum(b, x[i:j], z)
		}
		kernel.Scal(inv, b)
		loss += kernel.RelativeEntropy(c, b)
		kernel.AxpyTo(d, -alpha, b, x[i:j])
		kernel.Axpy(alpha, c, d)
		if p != nil {
			copy(p[i:j], b)
		}
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
// each. loss receives the B losses. Many short rows are divided among the processors,
// which changes no bit of the results. It panics unless z, q and p have the same shape and
// loss has as many elements as they have rows.
func LogitStepRows[T flow.Float](loss []float64, z, q, p kernel.Matrix[T], alpha float64) {
	checkBatch(z, q, p)
	checkLens(z.Rows, len(loss))
	if z.Cols <= stepBlock {
		kernel.LogitDescentRows(loss, z, q, p, alpha)
		return
	}
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
	kernel.RelativeEntropyRows(dst, p, q)
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

// MixStep makes a step of natural gradient descent of KL(q‖p) in η, which is the same
// for all K probabilities: dst = (1-α) p + α q, in one pass. dst may be p. It panics if
// the lengths differ.
func MixStep[T flow.Float](dst, p, q []T, alpha float64) {
	checkLens(len(dst), len(p), len(q))
	a := T(alpha)
	b := 1 - a
	p, q = p[:len(dst)], q[:len(dst)]
	for i := range dst {
		dst[i] = b*p[i] + a*q[i]
	}
}
