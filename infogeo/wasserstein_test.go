package infogeo

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestBuresWasserstein compares with the trace formula, checks the optimal map and the
// axioms of a distance.
func TestBuresWasserstein(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for n := range 60 {
		d := 1 + n%6
		a, b, c := randomGaussian(t, r, d, 0.5, 1), randomGaussian(t, r, d, 0.5, 1), randomGaussian(t, r, d, 0.5, 1)
		w := BuresWasserstein(a, b)
		if back := BuresWasserstein(b, a); !(math.Abs(back/w-1) <= 1e-12) {
			t.Errorf("%d: %v there, %v back", n, w, back)
		}
		if w > (BuresWasserstein(a, c)+BuresWasserstein(c, b))*(1+1e-13) {
			t.Errorf("%d: triangle", n)
		}
		m := TransportMap(nil, a, b)
		var image mat.Dense
		image.Product(m, a.Cov(nil), m)
		want := make([][]float64, d)
		for i := range d {
			want[i] = b.cov.Row(i)
		}
		if e := relMat(&image, want); !(e <= 1e-12) {
			t.Errorf("%d: T C0 T off by %.2g", n, e)
		}
		// tr(C0 + C1 - 2 (C0^1/2 C1 C0^1/2)^1/2): the square root has the trace tr T C0.
		var tc mat.Dense
		tc.Mul(m, a.Cov(nil))
		sum := mat.Trace(a.Cov(nil)) + mat.Trace(b.Cov(nil)) - 2*mat.Trace(&tc)
		for i := range d {
			sum += (a.mean[i] - b.mean[i]) * (a.mean[i] - b.mean[i])
		}
		if !(math.Abs(math.Sqrt(sum)/w-1) <= 1e-9) {
			t.Errorf("%d: W2 = %v, by the traces %v", n, w, math.Sqrt(sum))
		}
	}
	// d = 1: W² = (m0-m1)² + (s0-s1)², to relative accuracy for near equal ones too.
	for _, ds := range []float64{1, 1e-3, 1e-8} {
		s := 1.5 + ds
		v := s * s
		a, b := gaussian(t, []float64{2}, mat.NewDense(1, 1, []float64{2.25})), gaussian(t, []float64{2}, mat.NewDense(1, 1, []float64{v}))
		if got, want := BuresWasserstein(a, b), math.Sqrt(v)-1.5; !(math.Abs(got/want-1) <= 1e-7) {
			t.Errorf("standard deviations that differ by %v: W2 = %v, want %v", ds, got, want)
		}
	}
}

// TestWKL compares with the definition for d = 1, where the potential f of the flow x' =
// f'(x) = αx + β that takes N(m0, s²) to N(m1, e^2α s²) in time 1 gives E[f(φ_1) - f(φ_t)]
// in closed form, integrated here by Simpson's rule.
func TestWKL(t *testing.T) {
	for _, c := range [][4]float64{{0, 1, 1, 2}, {0, 1, 0, 0.3}, {2, 0.5, -1, 0.5 * math.E}, {1, 3, 1.5, 3.0003}, {0, 1, 4, 20}} {
		m0, s0, m1, s1 := c[0], c[1], c[2], c[3]
		alpha := math.Log(s1 / s0)
		beta := (m1 - m0*math.Exp(alpha)) * alpha / math.Expm1(alpha)
		f := func(time float64) float64 { // E f(φ_t) = α E[x²]/2 + β E[x]
			g := math.Exp(alpha * time)
			m, s := g*m0+beta*math.Expm1(alpha*time)/alpha, g*s0
			return alpha*(m*m+s*s)/2 + beta*m
		}
		const n = 2000
		want := 0.0
		for i := range n + 1 {
			w := 2.0
			switch {
			case i == 0 || i == n:
				w = 1
			case i%2 == 1:
				w = 4
			}
			want += w * (f(1) - f(float64(i)/n)) / (3 * n)
		}
		a, b := gaussian(t, []float64{m0}, mat.NewDense(1, 1, []float64{s0 * s0})), gaussian(t, []float64{m1}, mat.NewDense(1, 1, []float64{s1 * s1}))
		if got := WKL(a, b); !(math.Abs(got/want-1) <= 1e-8) {
			t.Errorf("%v: WKL = %v, by quadrature %v", c, got, want)
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	for d := 1; d < 6; d++ { // WKL and W²/2 agree to second order
		a := randomGaussian(t, r, d, 0.2, 1)
		b := affine(t, a, mat.DenseCopyOf(mat.NewDiagDense(d, []float64{1 + 1e-6, 1 - 2e-6, 1, 1, 1}[:d])), make([]float64, d))
		w := BuresWasserstein(a, b)
		if got := WKL(a, b); !(math.Abs(got/(w*w/2)-1) <= 1e-4) {
			t.Errorf("d = %d: WKL = %v of near distributions, W²/2 = %v", d, got, w*w/2)
		}
	}
}
