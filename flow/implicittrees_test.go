package flow

import (
	"math"
	"testing"
)

// TestImplicitOrderConditions checks the conditions of the diagonally implicit
// methods, Σ b_i Φ_i(t) = 1/γ(t), and of their embedded methods, for every rooted
// tree.
func TestImplicitOrderConditions(t *testing.T) {
	for _, method := range []Method{TRBDF2, KenCarp4, SDIRK4, ImplicitEuler, ImplicitMidpoint} {
		m := method.(*sdirkTable)
		for i, row := range m.a {
			sum := 0.0
			for j, v := range row {
				sum += v
				if j > i && v != 0 || j == i && v != m.gamma && (v != 0 || i > 0) {
					t.Errorf("%v: a[%d][%d] = %v, want a lower triangle with %v on its diagonal", m, i, j, v, m.gamma)
				}
			}
			if !(math.Abs(sum-m.c[i]) <= 1e-14) {
				t.Errorf("%v: row %d sums to %v, want c = %v", m, i, sum, m.c[i])
			}
		}
		for _, tr := range trees(5) {
			phi := elementary(m.a, tr)
			want, b, bhat := 1/tr.gamma(), 0.0, 0.0
			for i, v := range phi {
				b += m.b[i] * v
				if m.embedded > 0 {
					bhat += (m.b[i] - m.e[i]) * v
				}
			}
			if o := tr.order(); o <= m.order && !(math.Abs(b-want) <= 1e-13) {
				t.Errorf("%v: order %d tree %v: %v, want %v", m, o, tr, b, want)
			}
			if o := tr.order(); o <= m.embedded && !(math.Abs(bhat-want) <= 1e-13) {
				t.Errorf("%v, embedded: order %d tree %v: %v, want %v", m, o, tr, bhat, want)
			}
		}
	}
}

// multiply returns A B.
func multiply(a, b [][]float64) [][]float64 {
	c := make([][]float64, len(a))
	for i, row := range a {
		c[i] = make([]float64, len(b[0]))
		for k, v := range row {
			for j, w := range b[k] {
				c[i][j] += v * w
			}
		}
	}
	return c
}

// rosenbrockWeights returns the elementary weights of a Rosenbrock method: a vertex
// with one child takes α + Γ, one with more takes α (Hairer and Wanner, Solving
// ODEs II, IV.7).
func rosenbrockWeights(alpha, beta [][]float64, t tree) []float64 {
	phi := make([]float64, len(alpha))
	for i := range phi {
		phi[i] = 1
	}
	a := alpha
	if len(t) == 1 {
		a = beta
	}
	for _, s := range t {
		psi := rosenbrockWeights(alpha, beta, s)
		for i, row := range a {
			sum := 0.0
			for j, v := range row {
				sum += v * psi[j]
			}
			phi[i] *= sum
		}
	}
	return phi
}

// TestRosenbrockOrderConditions transforms the tables back to the coefficients
// α, Γ, b of the theory, Γ = (I/γ - C)⁻¹, and checks method, embedded method and
// interpolant.
func TestRosenbrockOrderConditions(t *testing.T) {
	for method, dense := range map[Method]int{Rodas4: 3, Rodas5P: 4} {
		m := method.(*rosenbrockTable)
		s := len(m.b)
		gamma, a := make([][]float64, s), make([][]float64, s)
		for i := range gamma {
			// Row i of (I/γ - C) Γ = I, forward.
			gamma[i], a[i] = make([]float64, s), make([]float64, s)
			copy(a[i], m.a[i])
			gamma[i][i] = m.gamma
			for k, c := range m.cc[i] {
				for j := range gamma[k] {
					gamma[i][j] += m.gamma * c * gamma[k][j]
				}
			}
		}
		alpha := multiply(a, gamma)
		beta := make([][]float64, s)
		for i := range beta {
			beta[i] = make([]float64, s)
			var c, d float64
			for j := range beta[i] {
				beta[i][j] = alpha[i][j] + gamma[i][j]
				c += alpha[i][j]
				d += gamma[i][j]
			}
			if !(math.Abs(c-m.c[i]) <= 1e-12 && math.Abs(d-m.d[i]) <= 1e-12) {
				t.Errorf("%v: row %d has c = %v, d = %v, want %v, %v", m, i, c, d, m.c[i], m.d[i])
			}
		}
		for _, tr := range trees(m.order) {
			phi, o := rosenbrockWeights(alpha, beta, tr), tr.order()
			check := func(what string, w []float64, upTo int, want float64) {
				sum := 0.0
				for i, v := range multiply([][]float64{w}, gamma)[0] {
					sum += v * phi[i]
				}
				if o <= upTo && !(math.Abs(sum-want) <= 1e-11) {
					t.Errorf("%v %s: order %d tree %v: %v, want %v", m, what, o, tr, sum, want)
				}
			}
			check("method", m.b, m.order, 1/tr.gamma())
			check("error estimate", m.e, m.embedded, 0)
			for _, theta := range []float64{1. / 7, 2. / 3} {
				w := make([]float64, s)
				for i, b := range m.b {
					w[i] = theta * b
					power := theta * (1 - theta)
					for _, h := range m.h {
						w[i] += power * h[i]
						power *= theta
					}
				}
				check("interpolant", w, dense, math.Pow(theta, float64(o))/tr.gamma())
			}
		}
	}
}
