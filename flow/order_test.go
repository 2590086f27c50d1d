package flow

import (
	"math"
	"testing"
)

// tree is a rooted tree, by its subtrees at the root.
type tree []tree

func (t tree) order() int {
	n := 1
	for _, s := range t {
		n += s.order()
	}
	return n
}

// gamma is the density γ(t), the product of the orders of all subtrees.
func (t tree) gamma() float64 {
	g := float64(t.order())
	for _, s := range t {
		g *= s.gamma()
	}
	return g
}

// trees returns the rooted trees of the orders up to n.
func trees(n int) []tree {
	all := []tree{{}}
	for o := 2; o <= n; o++ {
		small := len(all)
		var grow func(rest, from int, t tree)
		grow = func(rest, from int, t tree) {
			if rest == 0 {
				all = append(all, append(tree{}, t...))
				return
			}
			for i := from; i < small; i++ {
				if k := all[i].order(); k <= rest {
					grow(rest-k, i, append(t, all[i]))
				}
			}
		}
		grow(o-1, 0, nil)
	}
	return all
}

// elementary returns the elementary weights Φ_i(t) of the stages.
func elementary(a [][]float64, t tree) []float64 {
	phi := make([]float64, len(a))
	for i := range phi {
		phi[i] = 1
	}
	for _, s := range t {
		psi := elementary(a, s)
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

// TestOrderConditions checks Σ b_i Φ_i(t) = 1/γ(t) for every rooted tree up to the
// order of the method, the same for the embedded method, and
// Σ b_i(θ) Φ_i(t) = θ^|t|/γ(t) for the interpolant (Hairer, Nørsett, Wanner,
// Solving ODEs I, II.2 and II.6).
func TestOrderConditions(t *testing.T) {
	all := trees(8)
	if n := []int{1, 2, 4, 8, 17, 37, 85, 200}; len(all) != n[7] {
		t.Fatalf("%d trees up to order 8, want %d", len(all), n[7])
	}
	dense := map[string]int{"bs32": 3, "dp54": 4, "tsit5": 4, "vern65": 6, "vern76": 6, "dop853": 7}
	for name, method := range methodNames {
		m := method.(*tableau)
		for i, row := range m.a {
			sum := 0.0
			for _, v := range row {
				sum += v
			}
			if !(math.Abs(sum-m.c[i]) <= 1e-12) {
				t.Errorf("%s: row %d sums to %v, want c = %v", name, i, sum, m.c[i])
			}
		}
		// Sums of products of large coefficients lose digits.
		tol := 1e-13
		if m.order >= 6 {
			tol = 1e-10
		}
		for _, tr := range all {
			phi, o := elementary(m.a, tr), tr.order()
			check := func(what string, w func(i int) float64, n, upTo int, want float64) {
				if o > upTo {
					return
				}
				sum := 0.0
				for i := range n {
					sum += w(i) * phi[i]
				}
				if !(math.Abs(sum-want) <= tol) {
					t.Errorf("%s %s: order %d tree %v: %v, want %v", name, what, o, tr, sum, want)
				}
			}
			g := tr.gamma()
			check("method", func(i int) float64 { return m.b[i] }, len(m.b), m.order, 1/g)
			check("error estimate", func(i int) float64 { return m.e[i] }, len(m.e), m.embedded, 0)
			check("second estimate", func(i int) float64 { return m.e3[i] }, len(m.e3), 3, 0)
			for _, theta := range []float64{1. / 7, 2. / 3, 1} {
				check("interpolant", func(i int) float64 {
					s := 0.0
					for r, v := range m.p[i] {
						s += v * math.Pow(theta, float64(r+1))
					}
					return s
				}, len(m.p), dense[name], math.Pow(theta, float64(o))/g)
			}
		}
	}
}
