package deq

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Regauge replaces (M, B), in place, by k^½ K^-½ (M, B) for a symmetric positive
// definite k (n x n): the predictor W stays and K becomes k. With k a multiple of the
// identity the parameters are balanced. It allocates. Errors wrap ErrShape,
// ErrArgument, ErrNotFinite or ErrSingular.
func (l *Linear[T]) Regauge(theta []T, k kernel.Matrix[float64]) error {
	if k.Rows != l.n || k.Cols != l.n {
		return fmt.Errorf("deq: k is %d x %d, want %d x %d: %w", k.Rows, k.Cols, l.n, l.n, ErrShape)
	}
	root, ok := symPower(k, 0.5)
	if !ok {
		return fmt.Errorf("deq: k is not positive definite: %w", ErrArgument)
	}
	return l.regauge(theta, root)
}

// regauge is Regauge with k^½.
func (l *Linear[T]) regauge(theta []T, root *mat.Dense) error {
	if err := l.at(theta); err != nil {
		return err
	}
	n := l.n
	inv, ok := symPower(l.Conserved(kernel.NewMatrix[float64](n, n), theta), -0.5)
	if !ok {
		return fmt.Errorf("deq: K is not positive definite: %w", ErrSingular)
	}
	var g, m, b mat.Dense
	g.Mul(root, inv)
	full := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			full.Set(i, j, -l.a.At(i, j))
		}
		full.Set(i, i, 1-l.a.At(i, i))
	}
	m.Mul(&g, full)
	b.Mul(&g, mat.NewDense(n, l.d, l.b.Data))
	ta, tb := l.Weights(theta)
	for i := range n {
		for j := range n {
			v := -m.At(i, j)
			if i == j {
				v++
			}
			ta.Set(i, j, T(v))
		}
		for j := range l.d {
			tb.Set(i, j, T(b.At(i, j)))
		}
	}
	return nil
}

// symPower returns k^p of a symmetric positive definite matrix.
func symPower(k kernel.Matrix[float64], p float64) (*mat.Dense, bool) {
	n := k.Rows
	var eig mat.EigenSym
	if !kernel.AllFinite(k.Data) || !eig.Factorize(mat.NewSymDense(n, k.Data), true) {
		return nil, false
	}
	v := eig.Values(nil)
	if !(v[0] > 0) {
		return nil, false
	}
	var q, scaled, out mat.Dense
	eig.VectorsTo(&q)
	scaled.Apply(func(_, j int, x float64) float64 { return x * math.Pow(v[j], p) }, &q)
	out.Mul(&scaled, q.T())
	return &out, true
}

// Conserve returns a change after every step of a run (flow.Options.Jump) that
// restores K to its value at theta by Regauge, so that any integrator conserves it to
// rounding; the predictor is not changed. It allocates in each step and shares the
// scratch memory of l. Errors are those of Regauge.
func (l *Linear[T]) Conserve(theta []T) (flow.Jump[T], error) {
	if err := l.at(theta); err != nil {
		return nil, err
	}
	root, ok := symPower(l.Conserved(kernel.NewMatrix[float64](l.n, l.n), theta), 0.5)
	if !ok {
		return nil, fmt.Errorf("deq: K is not positive definite: %w", ErrSingular)
	}
	return conserve[T](func(x []T) error { return l.regauge(x, root) }), nil
}

// Conserve returns a change after every step of a run (flow.Options.Jump) that brings
// the parameters back to the sphere of theta along its radius, which does not change
// the predictor. Errors wrap ErrNotFinite or ErrSingular.
func (s *Scalar[T]) Conserve(theta []T) (flow.Jump[T], error) {
	if err := s.at(theta); err != nil {
		return nil, err
	}
	r := s.Radius(theta)
	return conserve[T](func(x []T) error {
		c := r / s.Radius(x)
		for i, w := range x[:s.d] {
			x[i] = T(c * float64(w))
		}
		x[s.d] = T(1 - c*(1-float64(x[s.d])))
		return nil
	}), nil
}

// conserve is a projection as a change between steps.
type conserve[T flow.Float] func(x []T) error

// Limit implements flow.Jump.
func (conserve[T]) Limit(_ []T, _, h float64) float64 { return h }

// Apply implements flow.Jump.
func (c conserve[T]) Apply(x []T, _, _ float64, _ uint64) (bool, error) { return true, c(x) }
