package deq

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Teacher is a single-index model that makes targets: the equilibrium y* = σ(w·x +
// vy*), with v = 0 the explicit model σ(w·x) of the paper; others are ours.
type Teacher[T flow.Float] struct {
	W   []T
	V   float64
	Act Activation
}

// check says what is wrong with a teacher for inputs of length d.
func (t *Teacher[T]) check(d int) error {
	if err := t.Act.check(); err != nil {
		return err
	}
	if len(t.W) != d {
		return fmt.Errorf("deq: teacher with len(W) = %d for inputs of length %d: %w", len(t.W), d, ErrShape)
	}
	if err := finite("W", t.W); err != nil {
		return err
	}
	if err := finite("V", []float64{t.V}); err != nil {
		return err
	}
	return t.Act.posed(t.V)
}

// Targets stores the equilibria y* of the samples x (N x d), one a row, in dst.
// Errors wrap ErrArgument, ErrShape, ErrNotFinite or ErrIllPosed.
func (t *Teacher[T]) Targets(dst []T, x kernel.Matrix[T]) error {
	if err := t.check(x.Cols); err != nil {
		return err
	}
	if len(dst) != x.Rows {
		return fmt.Errorf("deq: len(dst) = %d for %d samples: %w", len(dst), x.Rows, ErrShape)
	}
	if err := finiteRows("x", x); err != nil {
		return err
	}
	return t.solve(dst, make([]T, x.Rows), make([]T, x.Rows), x)
}

// solve stores y*, σ' and w·x of all samples.
func (t *Teacher[T]) solve(y, s, p []T, x kernel.Matrix[T]) error {
	solver := newRootSolver[T](&t.Act, 0)
	clear(y)
	kernel.Gemv(p, 1, x, t.W, 0)
	for from := 0; from < x.Rows; from += rootBlock {
		to := min(from+rootBlock, x.Rows)
		if i := solver.solve(y[from:to], s[from:to], p[from:to], t.V); i >= 0 {
			return errRoot(from + i)
		}
	}
	return nil
}

// errRoot says that the equilibrium of a sample was not found. With slopes as
// Activation states them this does not happen.
func errRoot(i int) error {
	return fmt.Errorf("deq: equilibrium of sample %d not found; is σ as Lip and MinSlope say?: %w", i, ErrIllPosed)
}
