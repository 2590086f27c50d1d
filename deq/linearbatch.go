package deq

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

// linearBatch is the samples of a Linear that draws mini-batches, and the current one.
type linearBatch struct {
	x, y   kernel.Matrix[float64] // N x d, N x n
	draw   nn.Batches
	bx, by kernel.Matrix[float64]
	e, t   kernel.Matrix[float64] // errors of the outputs; scratch
}

// NewLinearSamples returns the linear model for samples x (N x d) with targets y (N x
// n), one sample a row, for stochastic gradient descent: its energy and gradient are
// those of mini-batches of that size, drawn without repetition within an epoch, that
// of step k being a function of (seed, k) alone. If size is 0 or at least N, it is
// NewLinear. Certify, Predict and Risk look at all samples. K grows in a step with any
// batch by η² times the Gram matrix of its direction. Errors are those of
// NewLinearData, or wrap ErrArgument.
func NewLinearSamples[T flow.Float](x, y kernel.Matrix[T], size int, seed uint64) (*Linear[T], error) {
	if size < 0 {
		return nil, fmt.Errorf("deq: batches of %d samples, want a number > 0, or 0 for all samples: %w", size, ErrArgument)
	}
	data, err := NewLinearData(x, y)
	if err != nil {
		return nil, err
	}
	l := NewLinear[T](data)
	if size == 0 || size >= x.Rows {
		return l, nil
	}
	b := &linearBatch{x: widened(x), y: widened(y), draw: nn.Batches{M: x.Rows, Size: size, Seed: seed}}
	b.e, b.t = kernel.NewMatrix[float64](size, l.n), kernel.NewMatrix[float64](size, l.n)
	l.batch = b
	l.Draw(0)
	return l, nil
}

// widened returns a copy of m.
func widened[T flow.Float](m kernel.Matrix[T]) kernel.Matrix[float64] {
	c := kernel.NewMatrix[float64](m.Rows, m.Cols)
	for i := range m.Rows {
		widen(c.Row(i), m.Row(i))
	}
	return c
}

// Draw makes the mini-batch of a step current. Without mini-batches it does nothing.
func (l *Linear[T]) Draw(step uint64) {
	if b := l.batch; b != nil {
		rows := b.draw.At(step)
		nn.GatherRows(&b.bx, b.x, rows)
		nn.GatherRows(&b.by, b.y, rows)
		matrix(&b.e, len(rows), l.n)
		matrix(&b.t, len(rows), l.n)
	}
}

// Risk returns R(θ) on all samples.
func (l *Linear[T]) Risk(theta []T) float64 {
	if !l.solveOn(theta, nil) {
		return l.delta
	}
	return l.data.RiskLS + l.delta
}

// grad stores G = ∂R/∂W of the batch for the predictor w in g and returns R.
func (b *linearBatch) grad(g, w kernel.Matrix[float64]) float64 {
	inv := 1 / float64(b.bx.Rows)
	kernel.GemmNT(b.e, 1, b.bx, w, 0)
	kernel.SubTo(b.e.Data, b.e.Data, b.by.Data)
	kernel.GemmTN(g, 2*inv, b.e, b.bx, 0)
	return inv * kernel.SumSq(b.e.Data)
}

// curvature stores 2 δW S with S of the batch in dst.
func (b *linearBatch) curvature(dst, dw kernel.Matrix[float64]) {
	kernel.GemmNT(b.t, 1, b.bx, dw, 0)
	kernel.GemmTN(dst, 2/float64(b.bx.Rows), b.t, b.bx, 0)
}
