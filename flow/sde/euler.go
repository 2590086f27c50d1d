package sde

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// EulerMaruyama returns the method of Maruyama (Rend. Circ. Mat. Palermo 4 (1955)
// 48) for equations in the sense of Itô,
//
//	x ← x + h a + b ΔW,
//
// of strong order 1/2, of order 1 for additive noise, and weak order 1; any
// noise. A nil path is Increments{}.
func EulerMaruyama[T flow.Float](s System[T], path Path) flow.Integrator[T] {
	return newMethod(s, path, rule[T]{
		name: "EulerMaruyama", calculus: Ito, fits: anyNoise, diffs: 1, step: eulerMaruyama[T],
	})
}

func eulerMaruyama[T flow.Float](m *method[T], _ *flow.Trial, next, x []T, t, h float64) {
	kernel.AxpyTo(next, T(h), m.f0, x)
	m.diffuse(m.b[0], x, t)
	m.addNoise(next, m.b[0], m.w)
}
