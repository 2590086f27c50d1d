package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// firstStep is the automatic first step of Hairer, Nørsett and Wanner, Solving
// ODEs I, II.4, for a method whose error estimate behaves as h^order; f0 is
// f(t0, x0). It costs one evaluation. f1 and tmp are scratch vectors.
func firstStep[T Float](f Field[T], s *Start[T], order int, f0, f1, tmp []T) float64 {
	x := s.X
	d0 := weightedNorm(&s.Tol, x, x, x)
	d1 := weightedNorm(&s.Tol, f0, x, x)
	h := 1e-6
	if d0 >= 1e-5 && d1 >= 1e-5 {
		h = 0.01 * d0 / d1
	}
	h = min(h, s.MaxStep)
	kernel.AxpyTo(tmp, T(s.Dir*h), f0, x)
	f.Eval(f1, tmp, s.T+s.Dir*h)
	kernel.SubTo(f1, f1, f0)
	d2 := weightedNorm(&s.Tol, f1, x, x) / h
	d := max(d1, d2)
	h1 := max(1e-6, 1e-3*h)
	if !(d <= 1e-15) {
		h1 = math.Pow(0.01/d, 1/float64(order))
	}
	return min(100*h, h1, s.MaxStep)
}

// FirstStep is the automatic first step of error-controlled methods (Hairer,
// Nørsett and Wanner, Solving ODEs I, II.4) for integrators outside this package:
// f0 is f at the start point s, order is the controller order, f1 and tmp are
// scratch vectors. It costs one evaluation of f, and is NaN if that is not finite.
func FirstStep[T Float](f Field[T], s *Start[T], order int, f0, f1, tmp []T) float64 {
	return firstStep(f, s, order, f0, f1, tmp)
}

// WeightedNorm returns ‖v‖_sc of Tol with the scale of the step from x to y, the
// norm in which errors are measured, for integrators outside this package. It
// panics if the lengths differ.
func WeightedNorm[T Float](tol *Tol, v, x, y []T) float64 {
	return weightedNorm(tol, v, x, y)
}
