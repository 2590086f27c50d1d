package sde

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Milstein returns the derivative-free form of Milstein's method (Kloeden and
// Platen, Numerical Solution of Stochastic Differential Equations, 1992,
// equation 11.1.7) for equations in the sense of Itô,
//
//	Y = x + h a + √h b
//	x ← x + h a + b ΔW + (b(t, Y) - b)(ΔW² - h)/(2√h),
//
// of strong order 1; diagonal or scalar noise. A nil path is Increments{}.
func Milstein[T flow.Float](s System[T], path Path) flow.Integrator[T] {
	return newMethod(s, path, rule[T]{
		name: "Milstein", calculus: Ito, fits: ownNoise, noise: "Diagonal or Scalar",
		vectors: 1, diffs: 2, step: milstein[T],
	})
}

func milstein[T flow.Float](m *method[T], _ *flow.Trial, next, x []T, t, h float64) {
	y, b, by := m.v[0], m.b[0], m.b[1]
	q := math.Sqrt(h)
	kernel.AxpyTo(next, T(h), m.f0, x)
	m.diffuse(b, x, t)
	kernel.AxpyTo(y, T(q), b, next)
	m.diffuse(by, y, t)
	k, stride := 0, m.stride()
	for i := range next {
		w := m.w[k]
		next[i] += b[i]*T(w) + (by[i]-b[i])*T((w*w-h)/(2*q))
		k += stride
	}
}
