package sde

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// SRA1 returns the method SRA1 of Rößler (SIAM J. Numer. Anal. 48 (2010) 922)
// for additive noise b = b(t),
//
//	χ = ΔW/2 + H
//	k1 = h a(t, x),  k2 = h a(t + ¾h, x + ¾ k1 + (3/2) χ b(t+h))
//	x ← x + k1/3 + 2 k2/3 + ΔW b(t+h) + χ (b(t) - b(t+h)),
//
// of strong order 3/2; any number of channels. A nil path is Increments{}.
func SRA1[T flow.Float](s System[T], path Path) flow.Integrator[T] {
	return newMethod(s, path, rule[T]{
		name: "SRA1", calculus: Ito, fits: additive, noise: "additive", area: true,
		vectors: 1, drifts: 1, diffs: 2, step: sra1[T],
	})
}

func sra1[T flow.Float](m *method[T], tr *flow.Trial, next, x []T, t, h float64) {
	y, a, b, b1, chi := m.v[0], m.a[0], m.b[0], m.b[1], m.area
	for j, w := range m.w {
		chi[j] += w / 2
	}
	m.diffuse(b, x, t)
	m.diffuse(b1, x, t+h)
	clear(y)
	m.addNoise(y, b1, chi)
	kernel.Scal(1.5, y)
	kernel.Axpy(T(0.75*h), m.f0, y)
	kernel.AddTo(y, y, x)
	m.drift(tr, a, y, t+0.75*h)
	kernel.AxpyTo(next, T(h/3), m.f0, x)
	kernel.Axpy(T(2*h/3), a, next)
	m.addNoise(next, b1, m.w)
	kernel.SubTo(b, b, b1)
	m.addNoise(next, b, chi)
}
