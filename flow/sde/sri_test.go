package sde

import (
	"math"
	"testing"
)

// TestSRIOrderConditions checks the conditions of strong order 3/2 of Rößler (SIAM J.
// Numer. Anal. 48 (2010) 922, section 5) on the table of SRI1W1.
func TestSRIOrderConditions(t *testing.T) {
	tab := &sriw1
	one := []float64{1, 1, 1, 1}
	mul := func(a [][]float64, v []float64) []float64 {
		out := make([]float64, len(v))
		for i, row := range a {
			for j, w := range row {
				out[i] += w * v[j]
			}
		}
		return out
	}
	times := func(u, v []float64) []float64 {
		out := make([]float64, len(u))
		for i := range u {
			out[i] = u[i] * v[i]
		}
		return out
	}
	dot := func(u, v []float64) (s float64) {
		for i := range u {
			s += u[i] * v[i]
		}
		return s
	}
	a0, b0, a1, b1 := mul(tab.a0, one), mul(tab.b0, one), mul(tab.a1, one), mul(tab.b1, one)
	for i := range one {
		if math.Abs(a0[i]-tab.c0[i]) > 1e-15 || math.Abs(a1[i]-tab.c1[i]) > 1e-15 {
			t.Errorf("row %d: A0 sums to %v, A1 to %v, want %v, %v", i, a0[i], a1[i], tab.c0[i], tab.c1[i])
		}
	}
	beta := [][]float64{tab.beta1, tab.beta2, tab.beta3, tab.beta4}
	for _, c := range []struct {
		name  string
		drift float64 // α·v, if alpha
		alpha bool
		v     []float64
		want  [4]float64 // β_k·v
	}{
		{name: "e", alpha: true, drift: 1, v: one, want: [4]float64{1, 0, 0, 0}},
		{name: "A0 e", alpha: true, drift: 0.5, v: a0},
		{name: "B0 e", alpha: true, drift: 1, v: b0},
		{name: "(B0 e)²", alpha: true, drift: 1.5, v: times(b0, b0)},
		{name: "A1 e", v: a1, want: [4]float64{1, 0, -1, 0}},
		{name: "B1 e", v: b1, want: [4]float64{0, 1, 0, 0}},
		{name: "(B1 e)²", v: times(b1, b1), want: [4]float64{1, 0, -1, 2}},
		{name: "B1 B1 e", v: mul(tab.b1, b1), want: [4]float64{0, 0, 0, 1}},
	} {
		if s := dot(tab.alpha, c.v); c.alpha && math.Abs(s-c.drift) > 1e-15 {
			t.Errorf("alpha·%s = %v, want %v", c.name, s, c.drift)
		}
		if c.alpha && c.name != "e" {
			continue
		}
		for k, b := range beta {
			if s := dot(b, c.v); math.Abs(s-c.want[k]) > 1e-14 {
				t.Errorf("beta%d·%s = %v, want %v", k+1, c.name, s, c.want[k])
			}
		}
	}
	mixed := mul(tab.a1, b0)
	if s := dot(tab.beta1, mixed)/2 + dot(tab.beta3, mixed)/3; math.Abs(s) > 1e-15 {
		t.Errorf("beta1·A1 B0 e/2 + beta3·A1 B0 e/3 = %v, want 0", s)
	}
}
