package sde

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Heun returns the stochastic Heun method (Rümelin, SIAM J. Numer. Anal. 19
// (1982) 604) for equations in the sense of Stratonovich,
//
//	Y = x + h a + b ΔW
//	x ← x + (h/2)(a + a(t+h, Y)) + (b + b(t+h, Y)) ΔW/2,
//
// of strong order 1 for commutative noise (diagonal, scalar, additive) and 1/2
// otherwise. Any noise; with b = 0 it is the trapezoidal rule with an Euler
// predictor. A nil path is Increments{}.
func Heun[T flow.Float](s System[T], path Path) flow.Integrator[T] {
	return newMethod(s, path, rule[T]{
		name: "StochasticHeun", calculus: Stratonovich, fits: anyNoise, vectors: 1, drifts: 1, diffs: 2, step: heun[T],
	})
}

func heun[T flow.Float](m *method[T], tr *flow.Trial, next, x []T, t, h float64) {
	y, a, b, by := m.v[0], m.a[0], m.b[0], m.b[1]
	kernel.AxpyTo(y, T(h), m.f0, x)
	m.diffuse(b, x, t)
	m.addNoise(y, b, m.w)
	m.drift(tr, a, y, t+h)
	m.diffuse(by, y, t+h)
	kernel.AxpyTo(next, T(h/2), m.f0, x)
	kernel.Axpy(T(h/2), a, next)
	kernel.Axpby(0.5, by, 0.5, b)
	m.addNoise(next, b, m.w)
}
