package sde

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// WeakPlaten returns Platen's explicit method of weak order 2 (Kloeden and
// Platen, Numerical Solution of Stochastic Differential Equations, 1992,
// equations 15.1.1 and 15.1.3, with the time as a further component of the
// state) for equations in the sense of Itô; diagonal or scalar noise,
//
//	Y = x + h a + b ΔW,  Y± = x + h a ± √h b
//	x ← x + (h/2)(a + a(t+h, Y)) + (b₊ + b₋ + 2b) ΔW/4 + (b₊ - b₋)(ΔW² - h)/(4√h),
//
// with b± = b(t+h, Y±). For expectations; its strong order is 1. For diagonal
// noise the terms of 15.1.3 that mix channels vanish, since b_i depends on x_i
// only. A nil path is Increments{}.
func WeakPlaten[T flow.Float](s System[T], path Path) flow.Integrator[T] {
	return newMethod(s, path, rule[T]{
		name: "WeakPlaten", calculus: Ito, fits: ownNoise, noise: "Diagonal or Scalar",
		vectors: 2, drifts: 1, diffs: 3, step: weakPlaten[T],
	})
}

func weakPlaten[T flow.Float](m *method[T], tr *flow.Trial, next, x []T, t, h float64) {
	e, y, a, b, plus, minus := m.v[0], m.v[1], m.a[0], m.b[0], m.b[1], m.b[2]
	q := math.Sqrt(h)
	m.diffuse(b, x, t)
	kernel.AxpyTo(e, T(h), m.f0, x)
	kernel.AxpyTo(y, T(q), b, e)
	m.diffuse(plus, y, t+h)
	kernel.AxpyTo(y, T(-q), b, e)
	m.diffuse(minus, y, t+h)
	m.addNoise(e, b, m.w)
	m.drift(tr, a, e, t+h)
	kernel.AxpyTo(next, T(h/2), m.f0, x)
	kernel.Axpy(T(h/2), a, next)
	k, stride := 0, m.stride()
	for i := range next {
		w := m.w[k]
		next[i] += (plus[i]+minus[i]+2*b[i])*T(w/4) + (plus[i]-minus[i])*T((w*w-h)/(4*q))
		k += stride
	}
}
