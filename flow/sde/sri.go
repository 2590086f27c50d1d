package sde

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

//go:generate go run gen_sriw1.go

// sriTable is a stochastic Runge-Kutta method of Rößler's class SRI.
type sriTable struct {
	c0, c1                     []float64
	a0, b0, a1, b1             [][]float64
	alpha                      []float64
	beta1, beta2, beta3, beta4 []float64
}

// SRI1W1 returns the method SRI1W1 of Rößler (SIAM J. Numer. Anal. 48 (2010) 922)
// for equations in the sense of Itô, of strong order 3/2; diagonal or scalar
// noise. With
//
//	χ1 = (ΔW² - h)/(2√h),  χ2 = ΔW/2 + H,  χ3 = (ΔW³ - 3hΔW)/(6h)
//
// and the stages a_i = a(t + c0_i h, X_i), b_i = b(t + c1_i h, Y_i),
//
//	X_i = x + h Σ_j A0_ij a_j + χ2 Σ_j B0_ij b_j
//	Y_i = x + h Σ_j A1_ij a_j + √h Σ_j B1_ij b_j
//	x ← x + h Σ_i α_i a_i + Σ_i (β1_i ΔW + β2_i χ1 + β3_i χ2 + β4_i χ3) b_i.
//
// It takes two drifts and four diffusions a step. A nil path is Increments{}.
func SRI1W1[T flow.Float](s System[T], path Path) flow.Integrator[T] {
	tab := &sriw1
	stages := len(tab.alpha)
	return newMethod(s, path, rule[T]{
		name: "SRI1W1", calculus: Ito, fits: ownNoise, noise: "Diagonal or Scalar", area: true,
		vectors: 1, drifts: stages, diffs: stages,
		step: func(m *method[T], tr *flow.Trial, next, x []T, t, h float64) { sri(m, tab, tr, next, x, t, h) },
	})
}

func sri[T flow.Float](m *method[T], tab *sriTable, tr *flow.Trial, next, x []T, t, h float64) {
	chi2 := m.area
	for j, w := range m.w {
		chi2[j] += w / 2
	}
	y, q := m.v[0], math.Sqrt(h)
	for i := range tab.alpha {
		if tab.needs(i) {
			copy(y, x)
			addStages(y, h, tab.a0[i], m.a)
			m.addWeighted(y, tab.b0[i], chi2)
			m.drift(tr, m.a[i], y, t+tab.c0[i]*h)
		} else {
			m.a[i] = m.f0
		}
		copy(y, x)
		addStages(y, h, tab.a1[i], m.a)
		addStages(y, q, tab.b1[i], m.b)
		m.diffuse(m.b[i], y, t+tab.c1[i]*h)
	}
	copy(next, x)
	addStages(next, h, tab.alpha, m.a)
	k, stride := 0, m.stride()
	for i := range next {
		w := m.w[k]
		chi1, chi3 := (w*w-h)/(2*q), (w*w*w-3*h*w)/(6*h)
		var s T
		for j, b := range m.b {
			s += T(tab.beta1[j]*w+tab.beta2[j]*chi1+tab.beta3[j]*chi2[k]+tab.beta4[j]*chi3) * b[i]
		}
		next[i] += s
		k += stride
	}
}

// needs says whether the drift of stage i is another than a(t, x).
func (tab *sriTable) needs(i int) bool {
	return tab.c0[i] != 0 || !allZero(tab.a0[i]) || !allZero(tab.b0[i])
}

func allZero(v []float64) bool {
	for _, c := range v {
		if c != 0 {
			return false
		}
	}
	return true
}

// addStages adds h Σ_j c_j k_j to dst.
func addStages[T flow.Float](dst []T, h float64, c []float64, k [][]T) {
	for j, cj := range c {
		if cj != 0 {
			kernel.Axpy(T(h*cj), k[j], dst)
		}
	}
}

// addWeighted adds χ Σ_j c_j b_j to dst, χ by channel.
func (m *method[T]) addWeighted(dst []T, c, chi []float64) {
	stride := m.stride()
	for j, cj := range c {
		if cj == 0 {
			continue
		}
		k, b := 0, m.b[j]
		for i := range dst {
			dst[i] += T(cj*chi[k]) * b[i]
			k += stride
		}
	}
}
